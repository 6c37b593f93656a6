use watchfloor_testkit::conformance::{TwinWorld, sink};

use super::{sink::ShelfSink, twin::ShelfTwin};

#[tokio::test]
async fn shelf_keeps_what_every_sink_promises() {
    let world = |setup| TwinWorld::start(setup, ShelfTwin::new(), ShelfTwin::held, ShelfSink::at);
    sink::run(world).await;
}
