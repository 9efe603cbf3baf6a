//! The client SDK: proves a terminal, keeps and refreshes tokens, calls OpenAPIs.
