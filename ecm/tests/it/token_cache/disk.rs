//! What comes to the disk after the look-up that needed it, and what happens when it cannot.

use std::fs;

use ecm::token_cache::{CachedToken, TokenCache};
use jiff::Timestamp;

use super::{Place, held, key, put, take, token};
use crate::vault::soon;

#[tokio::test]
async fn tokens_not_yet_on_disk_outlast_what_another_process_writes() {
    let place = Place::new();
    let (one, other) = (place.open(), place.open());
    let (joe, sue) = (key(&["joe"]), key(&["sue"]));
    take(&one, &joe, "j").await;
    put(&other, &sue, "s").await;
    let both = |cache: &TokenCache| (held(cache, &joe), held(cache, &sue));
    let expected = (Some("j".to_owned()), Some("s".to_owned()));
    assert_eq!(both(&one), expected);
    soon(one.written()).await;
    assert_eq!(both(&place.open()), expected);
}

#[tokio::test]
async fn a_token_comes_to_the_disk_by_itself() {
    let place = Place::new();
    let (cache, joe) = (place.open(), key(&["joe"]));
    take(&cache, &joe, "t").await;
    soon(async {
        while held(&place.open(), &joe).is_none() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn what_could_not_be_written_is_not_lost() {
    let place = Place::new();
    let (one, other) = (place.open(), place.open());
    let (joe, sue, old) = (key(&["joe"]), key(&["sue"]), key(&["old"]));
    put(&one, &old, "o").await;
    let in_the_way = place.directory().join("tokens.new");
    fs::create_dir(&in_the_way).unwrap();
    take(&one, &joe, "j").await;
    one.forget(&old, &"o".into());
    soon(one.written()).await;
    assert_eq!(held(&place.open(), &joe), None, "nothing was written");
    fs::remove_dir(&in_the_way).unwrap();
    // What another process writes now does not bring the one back, nor take the other away.
    put(&other, &sue, "s").await;
    let all = |cache: &TokenCache| (held(cache, &joe), held(cache, &sue), held(cache, &old));
    let expected = (Some("j".to_owned()), Some("s".to_owned()), None);
    assert_eq!(all(&one), expected);
    soon(one.written()).await;
    assert_eq!(all(&place.open()), expected);
}

#[tokio::test]
async fn a_newer_token_of_another_process_stays() {
    let place = Place::new();
    let (one, other, joe) = (place.open(), place.open(), key(&["joe"]));
    take(&one, &joe, "older").await;
    let newer = CachedToken {
        issued_at: Timestamp::from_second(2_000_000).unwrap(),
        ..token("newer")
    };
    let load = || async { Ok(newer) };
    other.get_or_load(&joe, None, load).await.unwrap();
    soon(other.written()).await;
    assert_eq!(held(&one, &joe).as_deref(), Some("newer"));
    soon(one.written()).await;
    assert_eq!(held(&place.open(), &joe).as_deref(), Some("newer"));
}

#[tokio::test]
async fn a_cache_that_cannot_be_read_now_is_not_set_aside() {
    let place = Place::new();
    let joe = key(&["joe"]);
    put(&place.open(), &joe, "t").await;
    // A socket: there is something, and the system refuses to open it, whoever asks.
    fs::remove_file(place.file()).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(place.file()).unwrap();
    let cache = place.open();
    assert_eq!(held(&cache, &joe), None);
    assert!(place.file().exists() && !place.directory().join("tokens.set-aside").exists());
    take(&cache, &joe, "t2").await;
    assert_eq!(held(&cache, &joe).as_deref(), Some("t2"));
}

#[tokio::test]
async fn a_refused_token_is_gone_from_the_disk_too() {
    let place = Place::new();
    let (cache, joe) = (place.open(), key(&["joe"]));
    put(&cache, &joe, "t").await;
    cache.forget(&joe, &"another".into());
    soon(cache.written()).await;
    assert_eq!(held(&place.open(), &joe).as_deref(), Some("t"));
    cache.forget(&joe, &"t".into());
    soon(cache.written()).await;
    assert_eq!(held(&place.open(), &joe), None);
}

#[test]
fn a_pipe_in_place_of_the_cache_is_not_waited_for() {
    let place = Place::new();
    fs::create_dir(place.directory()).unwrap();
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mkfifoat(rustix::fs::CWD, place.file(), mode).unwrap();
    // Somebody has its other end and is silent.
    let _writer = fs::File::options()
        .read(true)
        .write(true)
        .open(place.file())
        .unwrap();
    let (answer, answered) = std::sync::mpsc::channel();
    let cache = place.open();
    std::thread::spawn(move || answer.send(held(&cache, &key(&["joe"]))));
    let limit = std::time::Duration::from_secs(5);
    assert_eq!(answered.recv_timeout(limit), Ok(None));
}
