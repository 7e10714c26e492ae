//! A process that is killed loses nothing that it was told is committed.

mod sample;

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;

use routing::config::Change;
use sample::{Folder, actor, connection};
use store::Store;

const FOLDER: &str = "STORE_TEST_FOLDER";

#[tokio::test]
async fn a_killed_process_loses_no_committed_change() {
    let folder = Folder::new();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["commits_until_it_is_killed", "--exact", "--nocapture"])
        .env(FOLDER, folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let told: Vec<_> = lines.map_while(Result::ok).filter(|l| l.starts_with("con_")).take(30).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(told.len(), 30);

    let loaded = folder.store().await.load().await.unwrap();
    let kept: Vec<_> = loaded.connections.iter().map(|row| row.id.to_string()).collect();
    assert_eq!(kept[..30], told);
    // The seed made the first revision, and a commit that nobody was told of may be there as well.
    assert_eq!(loaded.revision, 1 + u64::try_from(kept.len()).unwrap());
}

/// What the child runs; alone it does nothing.
#[tokio::test]
async fn commits_until_it_is_killed() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let store = Store::open(folder.as_ref()).await.unwrap();
    for n in 0.. {
        let id = format!("con_{n:05}");
        let change = Change::Connection(Arc::new(connection(&id, &id)));
        store.apply(&actor(), vec![change]).await.unwrap();
        println!("\n{id}");
    }
}
