//! Tokens that are changed, cut, of another deployment or over are no tokens.

use super::*;
use crate::fixtures::{Model, START, Seeded, vault};

fn terms() -> InitialTerms {
    InitialTerms {
        developer: "Clouds Ltd".to_owned(),
        scope: "openid phone".to_owned(),
        grant_types: Vec::new(),
        uses: 1,
        days: 7,
    }
}

fn made() -> (InitialToken, String) {
    let token = InitialToken::new(terms(), START, &mut Seeded(1)).unwrap();
    let text = token.seal(&vault(), &mut Seeded(2)).unwrap();
    (token, text)
}

fn refusal(terms: InitialTerms) -> String {
    InitialToken::new(terms, START, &mut Seeded(1)).expect_err("it was made").0
}

#[test]
fn a_token_opens_until_its_end_with_its_own_key_only() {
    let (token, text) = made();
    assert!(text.starts_with(&format!("tpi_{}", token.id)));
    let other = Vault::new(&[8; 32]).unwrap();
    assert_eq!(InitialToken::open(&vault(), &text, START), Some(token.clone()));
    assert_eq!(InitialToken::open(&other, &text, START), None);
    let last = START.plus_seconds(7 * DAY_S - 1);
    assert_eq!(InitialToken::open(&vault(), &text, last), Some(token));
    assert_eq!(InitialToken::open(&vault(), &text, last.plus_seconds(1)), None);
}

#[test]
fn nothing_of_a_token_can_be_changed() {
    let (token, text) = made();
    let other = InitialToken::new(terms(), START, &mut Seeded(9)).unwrap();
    let body = |text: &str| text[..text.len() - 8].to_owned();
    for at in 0..text.len() {
        let mut bad = text.clone().into_bytes();
        bad[at] ^= 1;
        let bad = String::from_utf8(bad).unwrap();
        assert_eq!(InitialToken::open(&vault(), &bad, START), None, "{bad}");
        // Even with a checksum that fits.
        let bad = with_checksum(body(&bad));
        let fine = at >= text.len() - 8;
        assert_eq!(InitialToken::open(&vault(), &bad, START).is_some(), fine, "{bad}");
    }
    // Under another id it would be unused.
    let renamed = with_checksum(body(&text).replace(&token.id, &other.id));
    assert_eq!(InitialToken::open(&vault(), &renamed, START), None);
    for bad in ["", "tpi_", "tpi_00000000", "\u{e9}", &"a".repeat(MAX_LEN + 1)] {
        assert_eq!(InitialToken::open(&vault(), bad, START), None, "{bad}");
        assert_eq!(InitialToken::open(&vault(), &with_checksum(bad.into()), START), None, "{bad}");
    }
}

#[test]
fn without_grants_a_person_has_to_let_the_app_in() {
    let (token, _) = made();
    let own = [GrantType::ClientCredentials, GrantType::TokenExchange];
    assert_eq!(token.grant_types.len(), 4);
    assert!(!token.grant_types.iter().any(|grant| own.contains(grant)));
    let grant_types = vec![GrantType::ClientCredentials; 2];
    let named = InitialTerms { grant_types, ..terms() };
    let named = InitialToken::new(named, START, &mut Seeded(1)).unwrap();
    assert_eq!(named.grant_types, [GrantType::ClientCredentials]);
}

#[test]
fn what_cannot_be_a_token_is_refused() {
    for uses in [0, MAX_USES + 1] {
        assert!(refusal(InitialTerms { uses, ..terms() }).contains("uses"), "{uses}");
    }
    for days in [0, MAX_DAYS + 1] {
        assert!(refusal(InitialTerms { days, ..terms() }).contains("days"), "{days}");
    }
    for bad in ["", "a\nb", &"a".repeat(129)] {
        let developer = bad.to_owned();
        assert!(refusal(InitialTerms { developer, ..terms() }).contains("developer"), "{bad:?}");
    }
    assert!(refusal(InitialTerms { scope: "a\"b".into(), ..terms() }).contains("6749"));
    assert!(refusal(InitialTerms { scope: "a".repeat(1025), ..terms() }).contains("1024"));
}

#[test]
fn an_id_is_read_from_the_token_too() {
    let (token, text) = made();
    assert_eq!(initial_token_id(&text), Some(token.id.as_str()));
    assert_eq!(initial_token_id(&token.id), Some(token.id.as_str()));
    for bad in ["", "tpi_", "tpi_abc", "x", "tpr_AAAAAAAAAAAAAAAAAAAAAA", &token.id[1..]] {
        assert_eq!(initial_token_id(bad), None, "{bad}");
    }
    let mut model = Model::new();
    for _ in 0..2 {
        model.run(RevokeInitialToken::new(&vault(), &text).unwrap());
    }
    assert_eq!(model.jtis.len(), 1);
}
