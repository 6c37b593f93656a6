//! Files, on a good day.

use watchfloor_core::Attachment;

use super::act::{Act, FILE, file};
use super::{DeskWorlds, Verdict, draft, failed, held, open, skipped, well};

pub(super) async fn attach_once(worlds: DeskWorlds) -> Verdict {
    let (world, place) = Act::Attach.ready(&worlds).await?;
    let mut desks = vec![world.port(), world.port()];
    desks.extend(world.another());
    for desk in desks {
        well("a file", Act::Attach.run(&*world, &*desk, &place).await)?;
    }
    let files = held(&*world, &place.id.unwrap_or_else(|| "".into()))?.files;
    let ours: Vec<_> = files.iter().filter(|(name, _)| name == FILE).collect();
    let [(_, bytes)] = ours[..] else {
        return Err(failed(format!("attached again and again, it is there {} times", ours.len())));
    };
    if *bytes == file().bytes {
        Ok(())
    } else {
        Err(failed("its bytes are not those that were attached"))
    }
}

pub(super) async fn two_files(worlds: DeskWorlds) -> Verdict {
    let world = worlds.fresh().await;
    if !world.port().capabilities().attach {
        return Err(skipped("it takes no files"));
    }
    let id = open(&*world, &draft(&*world, "files")).await?;
    let names = ["a.txt", "b.txt", "証拠 😀 \u{202b}لوگ\u{202c} é.log"];
    for name in names {
        let one = Attachment::new(name, "text/plain", "the same text");
        let more = Attachment::new(name, "text/plain", "another text of this name");
        for file in [&one, &more, &one] {
            well("a file", world.port().attach(&world.call(), &id, file).await)?;
        }
    }
    let files = held(&*world, &id)?.files;
    for name in names {
        let sizes = files.iter().filter(|(n, _)| n == name).map(|(_, bytes)| bytes.len());
        let mut sizes: Vec<_> = sizes.collect();
        sizes.sort_unstable();
        if sizes != [13, 25] {
            let all: Vec<_> = files.iter().map(|(name, _)| name).collect();
            return Err(failed(format!("{name:?} is there with sizes {sizes:?}, of {all:?}")));
        }
    }
    Ok(())
}
