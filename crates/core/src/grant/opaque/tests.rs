//! Tokens that are changed, cut, respelled or another app's are no tokens.

use super::*;
use crate::fixtures::{Commitment, Model, Seeded, client, issued, vault};

fn grant() -> Grant {
    let mut model = Model::new();
    issued(model.sign_in(&Commitment::new("weather", "k1", 0), 0)).grant
}

fn minted() -> Minted {
    Minted::new(&vault(), &grant(), 7, &mut Seeded(3))
}

fn read(token: &str) -> Option<Handle> {
    Handle::read(&vault(), &client("weather"), token)
}

#[test]
fn a_refresh_token_leads_to_its_grant() {
    let (grant, minted) = (grant(), minted());
    let handle = read(minted.token.as_str()).unwrap();
    assert_eq!(handle, Handle { terminal: grant.terminal, grant: grant.id, sequence: 7 });
    assert_eq!(minted.hash, vault().token(minted.token.as_str()));
    assert_eq!(format!("{:?}", minted.token), "RefreshToken(..)");
}

#[test]
fn tokens_are_made_for_leak_scanners() {
    let minted = minted();
    let (body, crc) = minted.token.as_str().split_at(minted.token.as_str().len() - 8);
    assert!(body.starts_with("tpr_"));
    assert_eq!(crc, format!("{:08x}", crc32fast::hash(body.as_bytes())));
}

#[test]
fn two_tokens_of_one_number_differ() {
    let mut random = Seeded(3);
    let tokens = [(); 2].map(|()| Minted::new(&vault(), &grant(), 7, &mut random).token);
    assert_ne!(tokens[0].as_str(), tokens[1].as_str());
}

#[test]
fn another_app_or_deployment_reads_nothing() {
    let minted = minted();
    let token = minted.token.as_str();
    assert_eq!(Handle::read(&vault(), &client("bank"), token), None);
    assert_eq!(Handle::read(&vault(), &client("weather2"), token), None);
    let other = Vault::new(&[8; 32]).unwrap();
    assert_eq!(Handle::read(&other, &client("weather"), token), None);
}

fn with_crc(body: &str) -> String {
    format!("{body}{:08x}", crc32fast::hash(body.as_bytes()))
}

#[test]
fn every_change_of_a_token_is_seen() {
    let minted = minted();
    let token = minted.token.as_str();
    let body = &token[..token.len() - 8];
    for at in 0..token.len() {
        let mut changed = token.as_bytes().to_vec();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        assert_eq!(read(std::str::from_utf8(&changed).unwrap()), None, "{at}");
        assert_eq!(read(&token[..at]), None);
    }
    // With the checksum made right, the seal still tells.
    for at in 4..body.len() {
        let mut changed = body.as_bytes().to_vec();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        assert_eq!(read(&with_crc(std::str::from_utf8(&changed).unwrap())), None, "{at}");
    }
}

#[test]
fn a_token_has_one_spelling() {
    // Else its hash would differ, and its owner be taken for a thief.
    let mut random = Seeded(9);
    let mut signed = 0;
    for _ in 0..100 {
        let minted = Minted::new(&vault(), &grant(), 7, &mut random);
        let token = minted.token.as_str();
        let (body, crc) = token.split_at(token.len() - 8);
        assert!(read(token).is_some());
        let upper = format!("{body}{}", crc.to_uppercase());
        assert!(upper == token || read(&upper).is_none());
        if let Some(rest) = crc.strip_prefix('0') {
            assert_eq!(read(&format!("{body}+{rest}")), None);
            signed += 1;
        }
        for respelled in [format!(" {token}"), format!("{token}\n"), with_crc(&format!("{body}="))]
        {
            assert_eq!(read(&respelled), None);
        }
    }
    assert!(signed > 0);
}

#[test]
fn junk_is_no_token() {
    let sealed = b64::encode([7; 80]);
    for junk in [
        "",
        "tpr_",
        "tps_",
        "x",
        "éééééééé",
        "00000000",
        "tpr_00000000",
        &with_crc("tpr_"),
        &with_crc("tpr_AAAA"),
        &with_crc(&sealed),
        &with_crc(&format!("tpr_{sealed}")),
        &with_crc(&format!("tpr_{}", "A".repeat(1000))),
        &"€".repeat(60),
    ] {
        assert_eq!(read(junk), None, "{junk}");
    }
}
