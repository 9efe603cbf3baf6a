//! Short-lived documents.

use twinpath_core::ids::{Digest, Timestamp};
use twinpath_core::records::{Content, Note, NoteKind};
use twinpath_core::transaction::{Key, Loaded, Write};

use super::operators::{purge, put};
use super::rows::round_trip;
use super::toys::Put;
use super::{Backend, samples};

fn key(note: &Note) -> Key {
    Key::Note(note.key)
}

pub(crate) async fn notes_round_trip(backend: &impl Backend) {
    let store = backend.store();
    let first = samples::note(1);
    for note in [
        first.clone(),
        Note { listed_at: None, ..first.clone() },
        Note {
            listed_at: Some(Timestamp(i64::MAX)),
            purge_at: Timestamp(i64::MAX),
            ..first.clone()
        },
        Note { content: Content::Blank { text: "\u{1F600} \"'\u{0}".into() }, ..first.clone() },
    ] {
        let expected = Loaded::Note(Some(Box::new(note.clone())));
        round_trip(&store, key(&note), Write::Note(Box::new(note)), expected).await;
    }
    let deleted = Write::DeleteNote(first.key);
    round_trip(&store, key(&first), deleted, Loaded::Note(None)).await;
    // One that is not there may be deleted, and put again in the same step.
    let again = vec![Write::DeleteNote(first.key), Write::Note(Box::new(first.clone()))];
    store.run(Put(vec![key(&first)], again)).await.unwrap();
    let all = store.notes(NoteKind::Blank, START, Timestamp(i64::MAX), 9).await;
    assert_eq!(all, Ok(vec![first]));
}

const START: (Timestamp, Digest) = (Timestamp(i64::MIN), Digest([0; 16]));

pub(crate) async fn notes_are_listed_by_kind_and_time(backend: &impl Backend) {
    let store = backend.store();
    for (byte, at) in [(1, Some(30)), (2, Some(20)), (3, None), (4, Some(20)), (5, Some(40))] {
        let note = Note { listed_at: at.map(Timestamp), ..samples::note(byte) };
        put(&store, key(&note), Write::Note(Box::new(note))).await;
    }
    let page = async |after, until, limit| {
        let page = store.notes(NoteKind::Blank, after, Timestamp(until), limit).await.unwrap();
        page.iter().map(|note| note.key.0[0]).collect::<Vec<_>>()
    };
    assert_eq!(page(START, 30, 9).await, [2, 4, 1]);
    assert_eq!(page(START, 29, 9).await, [2, 4]);
    assert_eq!(page((Timestamp(20), Digest([2; 16])), 99, 2).await, [4, 1]);
    assert_eq!(page(START, 99, 0).await, [0_u8; 0]);
}

pub(crate) async fn notes_are_forgotten_when_their_time_is_over(backend: &impl Backend) {
    let store = backend.store();
    for byte in [1, 2] {
        let note = samples::note(byte);
        put(&store, key(&note), Write::Note(Box::new(note.clone()))).await;
        if byte == 2 {
            let longer = Note { purge_at: Timestamp(9_000), ..note };
            put(&store, key(&longer), Write::Note(Box::new(longer))).await;
        }
    }
    assert_eq!(purge(&store, Timestamp(8_999)).await, 1);
    let kept = store.notes(NoteKind::Blank, START, Timestamp(i64::MAX), 9).await.unwrap();
    assert_eq!(kept.iter().map(|note| note.key).collect::<Vec<_>>(), [Digest([2; 16])]);
}
