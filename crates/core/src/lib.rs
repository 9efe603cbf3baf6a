//! Protocol decisions as pure functions: the two-path join, authentication, tokens, accounts.
