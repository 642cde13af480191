//! The vault's core stays a function of what it is handed.

use std::path::Path;

/// What a pure core must not know.
const FORBIDDEN: [&str; 12] = [
    "tokio",
    "hyper",
    "serde",
    "quick_xml",
    "SystemTime",
    "Instant",
    "std::env",
    "std::fs",
    "std::net::Tcp",
    "Mutex",
    "RwLock",
    "rand::",
];

#[test]
fn the_state_knows_no_clock_lock_socket_or_randomness() {
    let state = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/state");
    let mut rooms = vec![state];
    let mut files = 0;
    while let Some(room) = rooms.pop() {
        for entry in std::fs::read_dir(room).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                rooms.push(path);
                continue;
            }
            files += 1;
            let text = std::fs::read_to_string(&path).unwrap();
            let found = FORBIDDEN.iter().find(|word| text.contains(**word));
            assert_eq!(found, None, "in {}", path.display());
        }
    }
    assert!(files > 20, "the state has moved");
}
