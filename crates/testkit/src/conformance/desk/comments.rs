//! Comments, on a good day.

use watchfloor_core::{Comment, Marker, RichText, TicketId};

use super::{DeskWorld, DeskWorlds, Verdict, comment, draft, failed, held, open, well};

/// How many comments of the ticket carry the marker.
fn marked(world: &dyn DeskWorld, id: &TicketId, marker: &Marker) -> Result<usize, String> {
    Ok(held(world, id)?.comments.iter().filter(|text| marker.is_in(text)).count())
}

pub(super) async fn comment_once(worlds: DeskWorlds) -> Verdict {
    let world = worlds.fresh().await;
    let (id, said) = (open(&*world, &draft(&*world, "said")).await?, comment("once"));
    let (desk, call) = (world.port(), world.call());
    if well("looking for a comment", desk.has_comment(&call, &id, &said.marker).await)? {
        return Err(failed("nothing was said, and it is found"));
    }
    let mut desks = vec![desk.clone(), desk.clone(), desk.clone()];
    desks.extend(world.another());
    for desk in &desks {
        well("a comment", desk.comment(&world.call(), &id, &said).await)?;
        if !well("looking for it", desk.has_comment(&call, &id, &said.marker).await)? {
            return Err(failed("it was said, and is not found by its marker"));
        }
    }
    let (all, ours) = (held(&*world, &id)?.comments.len(), marked(&*world, &id, &said.marker)?);
    if (all, ours) != (1, 1) {
        let times = desks.len();
        return Err(failed(format!("said {times} times, it is there {ours} times, of {all}")));
    }
    let other = comment("never").marker;
    if well("looking for another", desk.has_comment(&call, &id, &other).await)? {
        Err(failed("another marker is found in it"))
    } else {
        Ok(())
    }
}

pub(super) async fn two_comments(worlds: DeskWorlds) -> Verdict {
    let world = worlds.fresh().await;
    let id = open(&*world, &draft(&*world, "said")).await?;
    for what in ["first", "second", "first", "third"] {
        let said = world.port().comment(&world.call(), &id, &comment(what)).await;
        well("a comment", said)?;
    }
    for what in ["first", "second", "third"] {
        match marked(&*world, &id, &comment(what).marker)? {
            1 => {}
            n => return Err(failed(format!("the {what} comment is there {n} times"))),
        }
    }
    Ok(())
}

pub(super) async fn concurrent_comments(worlds: DeskWorlds) -> Verdict {
    let world = worlds.fresh().await;
    let id = open(&*world, &draft(&*world, "said")).await?;
    let saying: Vec<_> = (0..10)
        .map(|_| {
            let (desk, call, id) = (world.port(), world.call(), id.clone());
            tokio::spawn(async move { desk.comment(&call, &id, &comment("at once")).await })
        })
        .collect();
    for saying in saying {
        well("a comment", saying.await.map_err(|_| failed("it panicked"))?)?;
    }
    match marked(&*world, &id, &comment("at once").marker)? {
        1 => Ok(()),
        n => Err(failed(format!("10 said it at the same moment, and it is there {n} times"))),
    }
}

pub(super) async fn marker_kept(worlds: DeskWorlds) -> Verdict {
    let world = worlds.fresh().await;
    let id = open(&*world, &draft(&*world, "said")).await?;
    // Longer than any product takes, of characters of one to four bytes.
    let text = format!("begin {} end-of-the-comment", "aé日😀".repeat(20_000));
    let said = Comment::new(Marker::derive("suite", "long"), RichText::new().text(text.as_str()));
    for _ in 0..2 {
        well("a long comment", world.port().comment(&world.call(), &id, &said).await)?;
    }
    let there = held(&*world, &id)?;
    if marked(&*world, &id, &said.marker)? != 1 {
        let n = there.comments.iter().filter(|c| c.contains("begin")).count();
        return Err(failed(format!("it is there {n} times, and not once with its marker")));
    }
    let shown = there.comments.iter().find(|c| said.marker.is_in(c)).cloned().unwrap_or_default();
    if shown.contains('\u{fffd}') {
        return Err(failed("it is cut within a character"));
    }
    if shown.contains("end-of-the-comment") || !world.port().capabilities().attach {
        return Ok(());
    }
    let whole = |(_, bytes): &(String, bytes::Bytes)| {
        std::str::from_utf8(bytes).is_ok_and(|file| file.contains(&text))
    };
    match there.files.iter().filter(|file| whole(file)).count() {
        1 => Ok(()),
        n => Err(failed(format!("it is cut, and its whole text is attached {n} times"))),
    }
}
