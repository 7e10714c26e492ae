//! The key that tags, branches and nonces are made with: one file of the data folder, kept across restarts so that
//! requests in dialogs of a former process are still told apart from forgeries.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::failure::Failure;

/// Reads the key; makes one in a folder that has none.
pub(crate) fn read_or_make(data: &Path) -> Result<[u8; 16], Failure> {
    let path = data.join(FILE);
    let failed = |fault: std::io::Error| Failure::Failed(format!("{}: {fault}", path.display()));
    let mut key = [0; 16];
    match std::fs::File::open(&path) {
        Ok(mut file) => file.read_exact(&mut key).map_err(failed)?,
        Err(fault) if fault.kind() == ErrorKind::NotFound => {
            getrandom::fill(&mut key)
                .map_err(|fault| Failure::Failed(format!("no random bytes: {fault}")))?;
            let options = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
            options.and_then(|mut file| file.write_all(&key)).map_err(failed)?;
        }
        Err(fault) => return Err(failed(fault)),
    }
    Ok(key)
}

const FILE: &str = "token.key";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_stays_the_same() {
        let folder = std::env::temp_dir().join(format!("trunkline-key-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let key = read_or_make(&folder).expect("made");
        assert_ne!(key, [0; 16]);
        assert_eq!(read_or_make(&folder).expect("read"), key);
        std::fs::write(folder.join(FILE), b"short").expect("damaged");
        assert!(read_or_make(&folder).is_err());
        std::fs::remove_dir_all(&folder).expect("cleaned up");
    }
}
