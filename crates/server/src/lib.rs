//! The platform server: HTTP endpoints, the first path over SMPP, configuration.
