//! What is done with a hostile ledger of control: nothing is given back from what is not whole.

use harness::control::ledger::Ledger;
use model::run::hex;
use sha2::{Digest as _, Sha256};

/// A ledger, as a power cut or a stranger may have left it; and the same bytes behind a checksum that
/// holds, so that the parser behind the checksum is reached too.
pub fn ledger(bytes: &[u8]) {
    let _ = Ledger::parse(bytes);
    let sealed = [
        bytes,
        b"\nsha256 ",
        hex(&Sha256::digest(bytes)).as_bytes(),
        b"\n",
    ]
    .concat();
    if let Ok(ledger) = Ledger::parse(&sealed) {
        let again = Ledger::parse(&ledger.to_bytes()).expect("its own bytes");
        assert_eq!(again, ledger);
    }
}
