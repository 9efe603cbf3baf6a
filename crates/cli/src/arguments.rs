//! What can be said on the command line. The texts here are what `--help` teaches.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Authorization by text message: an OAuth server for native apps, without login pages.
#[derive(Debug, Parser)]
#[command(name = "twinpath", version, after_help = FIRST_STEPS)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const FIRST_STEPS: &str = "\
First steps:
  twinpath dev                    everything on this machine, with a phone simulator
  twinpath doctor --config FILE   checks a configuration and all it names
  twinpath serve --config FILE    runs the server

The app, instance, account, key, admin-token, registration-token and quarantine commands reach the server of a configuration
(--config FILE), running or not, or one elsewhere by its admin API (--url https://admin.example).

Any key of the configuration can come from the environment: TWINPATH__HTTP__LISTEN sets [http] listen.
TWINPATH_LOG chooses what is logged (error, warn, info, debug).";

const MIGRATE: &str = "\
Upgrading nodes that share one PostgreSQL, without a pause:
  1. install the new program beside the old one
  2. twinpath migrate --config FILE, once, with the new program; old nodes go on meanwhile
  3. restart the nodes with the new program, one after another
A server does not do step 2 by itself; an empty database it sets up at first use. A store in a file
has no other users: every command brings it up to date.";

const COPY: &str = "\
Stop every server on both stores first, and start none before the copy has ended.

  twinpath copy --from sqlite:///var/lib/twinpath/twinpath.db --to postgres://twinpath@db/twinpath

The destination must be empty: a new file, or a database without rows. It gets everything that lasts:
codes, accounts, grants, used identifiers, apps, signing keys and the audit trail. The source stays as
it is. When all is copied both stores are read again and compared.

Interrupted? Run the same command again: it goes on where it was. Until it has ended no server opens
the destination.

A password in an argument can be seen by other users of the machine; better
  TWINPATH_COPY_TO='postgres://twinpath:secret@db/twinpath' twinpath copy --from sqlite:///...

Afterwards set url of [store] to the destination. The master key must stay the same: the one made
beside an SQLite file (twinpath.db.master) goes to every node, as master_file of [keys].";

const BACKUP: &str = "\
The copy is the store as it was at one moment, and has been checked. To restore it, see \"Backup and
restore\" in docs/operations.md. The master key is not in it: keep a copy of that apart.
PostgreSQL has its own tools: pg_dump, pg_basebackup.";

const ROTATE: &str = "\
A key is announced (published, so that every API knows it), then signs, then is retired (published
until the last token it signed has ended), then deleted. [keys] says how long each takes:
rotate_days, announce_days, retire_days.

  twinpath key rotate --config FILE                    planned: nobody notices
  twinpath key rotate --config FILE --now              a key may have leaked; APIs must read the key
                                                       set again when they meet an unknown kid
  twinpath key rotate --config FILE --now --withdraw   a key has leaked: all tokens it signed end;
                                                       apps refresh, nobody has to text again";

#[derive(Debug, Args)]
pub(crate) struct Migrate {
    #[command(flatten)]
    pub(crate) file: ConfigFile,
    /// Change nothing; end with exit code 1 if there is something to do.
    #[arg(long)]
    pub(crate) check: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Copy {
    /// The store to copy: sqlite:///path.db or postgres://user@host/database.
    #[arg(long, value_name = "URL", env = "TWINPATH_COPY_FROM", hide_env_values = true)]
    pub(crate) from: String,
    /// The empty store to copy into.
    #[arg(long, value_name = "URL", env = "TWINPATH_COPY_TO", hide_env_values = true)]
    pub(crate) to: String,
    /// For how many days PostgreSQL is to keep the audit lines it gets: audit_days of [store].
    #[arg(long, value_name = "DAYS", default_value_t = 400)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=36_500))]
    pub(crate) audit_days: u32,
}

#[derive(Debug, Args)]
pub(crate) struct Backup {
    #[command(flatten)]
    pub(crate) file: ConfigFile,
    /// The file to make; it must not exist.
    #[arg(long, value_name = "FILE")]
    pub(crate) to: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Try everything on this machine: server, message centre, phone simulator, demo app and API.
    Dev(Dev),
    /// Run the server until Ctrl-C or SIGTERM.
    Serve(ConfigFile),
    /// Register apps and manage them. Works while the server runs.
    #[command(subcommand)]
    App(Box<AppCommand>),
    /// Look at attested installations of an app, name, block and revoke them.
    #[command(subcommand)]
    Instance(InstanceCommand),
    /// Look at accounts, block them, revoke their grants, erase them.
    #[command(subcommand)]
    Account(AccountCommand),
    /// List and rotate the keys that sign tokens.
    #[command(subcommand)]
    Key(KeyCommand),
    /// Give others access to the admin API, and take it back.
    #[command(subcommand)]
    AdminToken(TokenCommand),
    /// Let apps register themselves (RFC 7591), and take that back.
    #[command(subcommand)]
    RegistrationToken(RegistrationTokenCommand),
    /// Look at what message centres sent and the server could not read, and take it away.
    #[command(subcommand)]
    Quarantine(QuarantineCommand),
    /// Print an OpenAPI document of the server.
    Openapi(Openapi),
    /// Check a configuration: store, keys, binds, clock.
    Doctor(ConfigFile),
    /// Bring the store's tables to this program's version.
    #[command(after_help = MIGRATE)]
    Migrate(Migrate),
    /// Copy one store into another: a file into PostgreSQL, back, or any other way round.
    #[command(after_help = COPY)]
    Copy(Copy),
    /// Copy the configured SQLite store into a file while the server runs.
    #[command(after_help = BACKUP)]
    Backup(Backup),
    /// Read what a phone says of an app and its key.
    #[command(subcommand)]
    Attestation(AttestationCommand),
    /// Measure whole authorizations on this machine, beside what nobody can do without.
    Bench(twinpath_bench::Options),
    /// What `bench` starts.
    #[command(hide = true)]
    BenchChild(twinpath_bench::Child),
}

impl Command {
    /// Servers tell what they do, commands only what goes wrong.
    pub(crate) fn default_log(&self) -> &'static str {
        match self {
            Self::Serve(_) => "info",
            _ => "error",
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Dev {
    /// Run one whole authorization over real SMPP and HTTP, print each step, and end.
    #[arg(long)]
    pub(crate) once: bool,
    /// Where the server listens; a free port if this one is taken.
    #[arg(long, value_name = "PORT", default_value_t = 8080)]
    pub(crate) http_port: u16,
    /// Where the message centre listens; a free port if this one is taken.
    #[arg(long, value_name = "PORT", default_value_t = 2775)]
    pub(crate) smpp_port: u16,
    /// Where configuration, keys and store are kept; a temporary folder if it is not given.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) folder: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ConfigFile {
    /// The configuration, a TOML file.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
}

/// Which server.
#[derive(Debug, Args)]
pub(crate) struct Target {
    /// The configuration of the server on this machine: it may run or not.
    #[arg(long, value_name = "FILE", conflicts_with = "url")]
    pub(crate) config: Option<PathBuf>,
    /// The admin API of a server elsewhere, https://admin.example. Without --config and --url,
    /// TWINPATH_ADMIN_URL in the environment.
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// A file with the admin token for --url; else TWINPATH_ADMIN_TOKEN in the environment. See
    /// `twinpath admin-token create`.
    #[arg(long, value_name = "FILE", conflicts_with = "config")]
    pub(crate) token_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AppCommand {
    /// Register an app. Prints its metadata as JSON, with its secret: the only time it is shown.
    Register(Register),
    /// List all apps.
    List(Target),
    /// Show one app.
    Show(OneApp),
    /// Change an app. What is not given stays as it is.
    Update(Update),
    /// Give an app a new secret. The old one ends at once.
    RotateSecret(OneApp),
    /// Delete an app. Its tokens can no longer be refreshed.
    Delete(OneApp),
}

#[derive(Debug, Args)]
pub(crate) struct OneApp {
    #[command(flatten)]
    pub(crate) target: Target,
    /// The app.
    #[arg(value_name = "CLIENT_ID", required_unless_present = "client_id_flag")]
    client_id: Option<String>,
    /// The app.
    #[arg(long = "client-id", value_name = "CLIENT_ID", conflicts_with = "client_id")]
    client_id_flag: Option<String>,
}

impl OneApp {
    /// The app, however it was named.
    pub(crate) fn client_id(&self) -> String {
        self.client_id.clone().or_else(|| self.client_id_flag.clone()).unwrap_or_default()
    }
}

#[derive(Debug, Args)]
pub(crate) struct Register {
    #[command(flatten)]
    pub(crate) target: Target,
    /// What the app is called: people see it, and its texts say it.
    #[arg(long)]
    pub(crate) name: String,
    /// How the app proves who it is.
    #[arg(long, value_enum, default_value = "private_key_jwt")]
    pub(crate) auth_method: Method,
    #[command(flatten)]
    pub(crate) settings: Settings,
}

#[derive(Debug, Args)]
pub(crate) struct Update {
    #[command(flatten)]
    pub(crate) target: Target,
    /// What the app is called.
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// How the app proves who it is. A method with a secret gets a new one.
    #[arg(long, value_enum)]
    pub(crate) auth_method: Option<Method>,
    #[command(flatten)]
    pub(crate) settings: Settings,
}

#[derive(Debug, Args)]
pub(crate) struct Settings {
    /// The app's identity. `register` makes one up if it is not given.
    #[arg(long)]
    pub(crate) client_id: Option<String>,
    /// The app's public keys, a JWK set or one JWK: for private_key_jwt and
    /// self_signed_tls_client_auth. With the methods of attestation: the keys of an attester of the app's
    /// own.
    #[arg(long, value_name = "FILE")]
    pub(crate) jwks: Option<PathBuf>,
    /// What the app may ask for, separated by spaces. `register` takes "openid" if it is not given.
    #[arg(long)]
    pub(crate) scope: Option<String>,
    /// Whether tokens are bound to a key of the app's installation.
    #[arg(long, value_enum)]
    pub(crate) dpop: Option<Dpop>,
    #[command(flatten)]
    pub(crate) certificate: Certificate,
    /// Whether tokens are bound to the app's TLS client certificate; then --dpop is off.
    #[arg(long, value_name = "true|false", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "true")]
    pub(crate) certificate_bound: Option<bool>,
    /// Where browsers are sent back to; may stand more than once.
    #[arg(long = "redirect-uri", value_name = "URI")]
    pub(crate) redirect_uris: Vec<String>,
    /// A resource the app serves, if it is an API: it may introspect tokens for it; may stand more
    /// than once.
    #[arg(long, value_name = "URI")]
    pub(crate) serves: Vec<String>,
    /// A resource of another API that this one calls for its callers' users: it may exchange their
    /// tokens for ones for it (RFC 8693); may stand more than once.
    #[arg(long, value_name = "URI")]
    pub(crate) may_exchange_for: Vec<String>,
    /// A grant the app may use; may stand more than once. `register` takes terminal and
    /// refresh_token if none is given, and authorization_code with a redirect URI.
    #[arg(long = "grant-type", value_enum, value_name = "GRANT")]
    pub(crate) grant_types: Vec<Grant>,
    /// Whether APIs can read the app's access tokens, or must introspect them.
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(crate) access_token_format: Option<TokenFormat>,
    /// Has introspection answered by JWTs signed so (RFC 9701).
    #[arg(long, value_name = "ALG")]
    pub(crate) introspection_signed_response_alg: Option<String>,
    /// A type of authorization_details the app may ask for; may stand more than once.
    #[arg(long = "authorization-details-type", value_name = "TYPE")]
    pub(crate) details_types: Vec<String>,
    /// Whether it is the operator's own: it asks nobody for consent, and may sign people in without
    /// a browser.
    #[arg(long, value_name = "true|false")]
    pub(crate) first_party: Option<bool>,
    /// The Android package name.
    #[arg(long, value_name = "NAME")]
    pub(crate) android_package: Option<String>,
    /// SHA-256 of the Android signing certificate, in hex; may stand more than once.
    #[arg(long, value_name = "HEX")]
    pub(crate) android_cert_sha256: Vec<String>,
    /// The eleven characters by which Android's SMS Retriever hands texts to the app.
    #[arg(long, value_name = "HASH")]
    pub(crate) android_sms_hash: Option<String>,
    /// The Apple app id, TEAMID.bundle.id.
    #[arg(long, value_name = "ID")]
    pub(crate) apple_app_id: Option<String>,
    #[command(flatten)]
    pub(crate) evidence: EvidencePolicy,
    /// Whose app it is. Apps of one developer see the same union_id.
    #[arg(long)]
    pub(crate) developer: Option<String>,
    #[command(flatten)]
    pub(crate) openid: crate::openid::OpenId,
}

/// What the phones of an app must show.
#[derive(Debug, Args)]
pub(crate) struct EvidencePolicy {
    /// Which evidence of its installations is enough; may be given several times. By default software, for
    /// the methods of attestation.
    #[arg(long = "evidence", value_enum, value_name = "EVIDENCE")]
    pub(crate) evidence: Vec<EvidenceArgument>,
    /// Whether an Android phone must have booted its maker's system with a locked bootloader.
    #[arg(long, value_name = "BOOL")]
    pub(crate) android_verified_boot: Option<bool>,
    /// The oldest patch level of an Android system, YYYYMM; 0 for any.
    #[arg(long, value_name = "YYYYMM")]
    pub(crate) android_min_os_patch_level: Option<u32>,
    /// Which of Apple's services must have attested.
    #[arg(long, value_enum)]
    pub(crate) apple_environment: Option<EnvironmentArgument>,
    /// A file with the decryption key from the Play Console.
    #[arg(long, value_name = "FILE")]
    pub(crate) play_integrity_decryption_key_file: Option<PathBuf>,
    /// The verification key from the Play Console.
    #[arg(long, value_name = "KEY")]
    pub(crate) play_integrity_verification_key: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum EvidenceArgument {
    /// Nothing has to vouch for the device.
    None,
    /// App and device are vouched for; the key may be kept by software.
    Software,
    /// The key stays in the phone's trusted execution environment.
    Tee,
    /// The key stays in a secure element of its own.
    Strongbox,
    /// Apple App Attest.
    AppAttest,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum EnvironmentArgument {
    /// Apps from the store, TestFlight or an enterprise.
    Production,
    /// A developer's own builds.
    Development,
}

/// What the app's certificate must name, for tls_client_auth: one of these.
#[derive(Debug, Args)]
#[group(multiple = false)]
#[expect(clippy::struct_field_names, reason = "clap makes the options' names of them")]
pub(crate) struct Certificate {
    /// The subject of the app's certificate, like "CN=weather,O=Clouds": for tls_client_auth.
    #[arg(long, value_name = "DN")]
    pub(crate) tls_subject_dn: Option<String>,
    /// A DNS name in the app's certificate: for tls_client_auth.
    #[arg(long, value_name = "NAME")]
    pub(crate) tls_san_dns: Option<String>,
    /// A URI in the app's certificate: for tls_client_auth.
    #[arg(long, value_name = "URI")]
    pub(crate) tls_san_uri: Option<String>,
    /// An IP address in the app's certificate: for tls_client_auth.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) tls_san_ip: Option<std::net::IpAddr>,
    /// An e-mail address in the app's certificate: for tls_client_auth.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) tls_san_email: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Method {
    /// A JWT signed with the app's own key (RFC 7523).
    PrivateKeyJwt,
    /// A secret in the Authorization header.
    ClientSecretBasic,
    /// A secret in the request's body.
    ClientSecretPost,
    /// A JWT made with a secret.
    ClientSecretJwt,
    /// A TLS client certificate of a CA that the platform trusts (RFC 8705).
    TlsClientAuth,
    /// A TLS client certificate whose key is registered (RFC 8705).
    SelfSignedTlsClientAuth,
    /// A client attestation of the installation's key, with a proof of possession of its own.
    AttestJwtClientAuth,
    /// A client attestation of the installation's key, which the DPoP proof shows.
    AttestJwtClientAuthDpop,
    /// Nothing: in development only.
    None,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Grant {
    /// A text proves the terminal.
    Terminal,
    /// Sign-in by a browser (RFC 6749 4.1).
    AuthorizationCode,
    /// Access tokens again and again (RFC 6749 6).
    RefreshToken,
    /// Tokens for the app itself (RFC 6749 4.4).
    ClientCredentials,
    /// Sign-in on a device without a browser (RFC 8628).
    DeviceCode,
    /// An API's tokens for the next API (RFC 8693).
    TokenExchange,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum TokenFormat {
    /// Signed claims (RFC 9068).
    Jwt,
    /// Sealed claims.
    Opaque,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Dpop {
    /// Tokens are bound to a key (RFC 9449).
    Required,
    /// Tokens are bearer tokens.
    Off,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AccountCommand {
    /// Show an account and its grants.
    Show(OneAccount),
    /// Refuse the account every authorization and refresh.
    Block(OneAccount),
    /// Take a block back.
    Unblock(OneAccount),
    /// Revoke all grants of the account.
    Revoke(OneAccount),
    /// Give a number its earlier account back, after it got a new one for having been dormant.
    Restore(OneAccount),
    /// Forget the account, its number and its grants.
    Erase(OneAccount),
}

#[derive(Debug, Args)]
pub(crate) struct OneAccount {
    #[command(flatten)]
    pub(crate) target: Target,
    /// The account: its number (+447911123456) or its id (acc_...).
    #[arg(value_name = "NUMBER_OR_ID", allow_hyphen_values = true)]
    pub(crate) subject: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum InstanceCommand {
    /// List the attested installations of an app.
    List(InstancesOf),
    /// Show one installation: its evidence, and what its phone said.
    Show(OneInstance),
    /// Call an installation something; an empty name takes the name away.
    Name(NameInstance),
    /// Refuse an installation's key until it is unblocked.
    Block(OneInstance),
    /// Take a block back.
    Unblock(OneInstance),
    /// Refuse an installation's key for good: it has to make another one and be attested anew.
    Revoke(OneInstance),
}

#[derive(Debug, Args)]
pub(crate) struct InstancesOf {
    #[command(flatten)]
    pub(crate) target: Target,
    /// The app.
    pub(crate) client_id: String,
}

#[derive(Debug, Args)]
pub(crate) struct OneInstance {
    #[command(flatten)]
    pub(crate) target: Target,
    /// The app.
    pub(crate) client_id: String,
    /// The RFC 7638 thumbprint of the installation's key, as `list` and tokens (`cnf.jkt`) name it.
    #[arg(allow_hyphen_values = true)]
    pub(crate) jkt: String,
}

#[derive(Debug, Args)]
pub(crate) struct NameInstance {
    #[command(flatten)]
    pub(crate) one: OneInstance,
    /// At most 64 characters.
    pub(crate) name: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// List the keys, the newest first: what each is, and from when.
    List(Target),
    /// Announce successors now; the server does it by itself every rotate_days.
    #[command(after_help = ROTATE)]
    Rotate(Rotate),
}

#[derive(Debug, Args)]
pub(crate) struct Rotate {
    #[command(flatten)]
    pub(crate) target: Target,
    /// In an emergency: the new keys sign at once. The old ones stay published and accepted.
    #[arg(long)]
    pub(crate) now: bool,
    /// And no old key is published any more: tokens signed by them are refused from now on.
    #[arg(long, requires = "now")]
    pub(crate) withdraw: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token. It is printed once, and not kept.
    Create(CreateToken),
    /// Revoke a token, at once and for good.
    Revoke(RevokeToken),
}

#[derive(Debug, Args)]
pub(crate) struct CreateToken {
    #[command(flatten)]
    pub(crate) target: Target,
    /// Whose it is: the server's log names it with every change.
    #[arg(long)]
    pub(crate) name: String,
    /// What it may do.
    #[arg(long, value_enum)]
    pub(crate) role: TokenRole,
    /// For how many days it lives.
    #[arg(long, value_name = "DAYS", default_value_t = 90)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=366))]
    pub(crate) days: u32,
}

#[derive(Debug, Args)]
pub(crate) struct RevokeToken {
    #[command(flatten)]
    pub(crate) target: Target,
    /// The `id` that `create` printed.
    pub(crate) id: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RegistrationTokenCommand {
    /// Make an initial access token. It is printed once, and not kept.
    Create(CreateRegistrationToken),
    /// Revoke one, at once and for good. Apps that registered with it stay.
    Revoke(RevokeRegistrationToken),
}

#[derive(Debug, Args)]
pub(crate) struct CreateRegistrationToken {
    #[command(flatten)]
    pub(crate) target: Target,
    /// Whose the apps will be.
    #[arg(long)]
    pub(crate) developer: String,
    /// The most they may be registered for, separated by spaces.
    #[arg(long, default_value = "openid")]
    pub(crate) scope: String,
    /// A grant they may use; may stand more than once. Without: those by which a person lets an app in.
    #[arg(long = "grant-type", value_enum, value_name = "GRANT")]
    pub(crate) grant_types: Vec<Grant>,
    /// How many apps may register with it.
    #[arg(long, value_name = "COUNT", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) uses: u32,
    /// For how many days it lives.
    #[arg(long, value_name = "DAYS", default_value_t = 7)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=366))]
    pub(crate) days: u32,
}

#[derive(Debug, Args)]
pub(crate) struct RevokeRegistrationToken {
    #[command(flatten)]
    pub(crate) target: Target,
    /// The `id` that `create` printed, or the token itself.
    #[arg(value_name = "ID_OR_TOKEN")]
    pub(crate) id: String,
}

const QUARANTINE: &str = "\
A PDU that cannot be read is acknowledged, so that it does not come for ever, and kept here: the newest
1000, the first 2048 octets of each, for 30 days, encrypted with the master key.

  twinpath quarantine list --config FILE        when, by which route, what is wrong
  twinpath quarantine show 17 --config FILE     the octets, in hex, for the operator of the message centre
  twinpath quarantine purge --config FILE       takes all away

Several with one reason: the message centre does something of its own; show one to whoever runs it.";

#[derive(Debug, Subcommand)]
#[command(after_help = QUARANTINE)]
pub(crate) enum QuarantineCommand {
    /// List them, the oldest first. Prints no part of them: they may hold numbers and texts.
    List(OnStore),
    /// Print one with its octets in hex. They may hold a phone number and a text.
    Show(ShowQuarantine),
    /// Take all of them away, for good.
    Purge(OnStore),
}

#[derive(Debug, Args)]
pub(crate) struct OnStore {
    #[command(flatten)]
    pub(crate) target: Target,
}

#[derive(Debug, Args)]
pub(crate) struct ShowQuarantine {
    #[command(flatten)]
    pub(crate) target: Target,
    /// The `id` that `list` printed.
    pub(crate) id: u32,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum TokenRole {
    /// Look at everything.
    Read,
    /// Change apps, accounts and keys too.
    Write,
}

impl TokenRole {
    /// As the API calls it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Openapi {
    /// Of which API.
    #[arg(value_enum)]
    pub(crate) of: Document,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Document {
    /// The admin API.
    Admin,
    /// The OAuth endpoints.
    Oauth,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_arguments_fit_together() {
        super::Arguments::command().debug_assert();
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum AttestationCommand {
    /// Print an attestation and every reason to refuse it as JSON.
    #[command(after_help = INSPECT)]
    Inspect(Inspect),
}

const INSPECT: &str = "\
FILE holds a chain of Android Key Attestation (PEM, leaf first) or an App Attest object (CBOR or its
base64). Whether it fits an app is not known here: challenge, package, team and bundle are printed, not
judged. Exits with 0 if the file could be read, even where it says \"verified\": false.";

#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// What to read; - is standard input.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// When the certificates must be valid; now, if not said.
    #[arg(long, value_name = "RFC3339", value_parser = crate::attestation::moment)]
    pub(crate) at: Option<i64>,
    /// Roots to trust instead of the published ones: PEM, or the JSON array that Google publishes.
    #[arg(long, value_name = "FILE")]
    pub(crate) roots: Option<PathBuf>,
    /// Google's status list, as published at https://android.googleapis.com/attestation/status.
    #[arg(long, value_name = "FILE")]
    pub(crate) revocations: Option<PathBuf>,
}
