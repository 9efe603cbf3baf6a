//! The wire contract as types: commitment, phrase, proofs, tokens' shapes, metadata. No I/O.
