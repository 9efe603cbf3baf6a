//! Every page, filled in: for the tests, and for translators to look at.

use twinpath_pages::{
    App, Confirm, Destination, Digits, Fault, Frame, LoggedOut, LogoutAsk, PostForm, Problem,
    ProblemKind, Scope, Text, Waiting,
};

/// What an app's developer or a stranger writes into a page.
#[derive(Clone, Copy)]
pub(crate) struct Foreign<'a> {
    pub(crate) name: &'a str,
    pub(crate) uri: &'a str,
    pub(crate) words: &'a str,
}

/// A page and a name for it.
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) render: Box<dyn Fn(&Frame<'_>) -> String>,
}

fn app(foreign: Foreign<'_>) -> App {
    App {
        name: foreign.name.to_owned(),
        developer: Some(format!("{} Ltd", foreign.name)),
        client_uri: Some(foreign.uri.to_owned()),
        policy_uri: Some(format!("{}privacy", foreign.uri)),
        tos_uri: Some(format!("{}terms", foreign.uri)),
    }
}

fn scopes(foreign: Foreign<'_>) -> Vec<Scope> {
    let scope = |name: &str, description: Option<&str>| Scope {
        name: name.to_owned(),
        description: description.map(ToOwned::to_owned),
    };
    vec![
        scope("openid", None),
        scope("phone", None),
        scope("offline_access", None),
        scope("forecast.read", Some(foreign.words)),
        scope("weather:alerts", None),
    ]
}

fn form(action: &str) -> PostForm {
    PostForm { action: action.to_owned(), csrf: "kSk2-xT0_9".to_owned() }
}

/// The code that all sample texts carry.
const CODE: &str = "TP1-GRFES-6P687-MYXA8-3VV8M-ES2XV-BRYV1-XQMN6";

fn waiting(foreign: Foreign<'_>) -> Waiting {
    Waiting {
        app: app(foreign),
        scopes: scopes(foreign),
        text: Text {
            numbers: vec!["+8610690001".into(), "10690001".into()],
            body: format!("{} sign-in. Send only from inside the app. {CODE}", foreign.name),
        },
        left_s: 287,
        page: "/signin/5xk?ui_locales=hi&x=%26".into(),
        events: "/signin/5xk/events".into(),
        cancel: form("/signin/5xk/cancel"),
    }
}

fn confirm(foreign: Foreign<'_>, destination: Destination, details: bool) -> Confirm {
    Confirm {
        app: app(foreign),
        scopes: scopes(foreign),
        terminal_hint: "+44•••••••56".into(),
        details: if details { vec![foreign.words.into(), "EUR 12.50".into()] } else { vec![] },
        destination,
        proceed: form("/signin/5xk/confirm"),
        cancel: form("/signin/5xk/cancel"),
    }
}

fn digits(foreign: Foreign<'_>, fault: Option<Fault>) -> Digits {
    Digits {
        app: app(foreign),
        fault,
        again: "/signin/5xk?again=0".into(),
        proceed: form("/signin/5xk/digits"),
        cancel: form("/signin/5xk/cancel"),
    }
}

fn problem(kind: ProblemKind, foreign: Foreign<'_>) -> Problem {
    Problem {
        kind,
        error: (kind == ProblemKind::Invalid).then(|| "invalid_request".into()),
        description: (kind == ProblemKind::Invalid).then(|| foreign.words.into()),
        again: (kind == ProblemKind::Expired).then(|| "/signin/again".into()),
        back: (kind == ProblemKind::Blocked).then(|| form("/signin/5xk/cancel")),
    }
}

/// All pages in all their forms.
pub(crate) fn pages(foreign: Foreign<'_>) -> Vec<Sample> {
    let mut pages = Vec::new();
    macro_rules! add {
        ($name:expr, $view:expr) => {{
            let view = $view;
            let render = Box::new(move |frame: &Frame<'_>| view.render(frame));
            pages.push(Sample { name: $name.into(), render });
        }};
    }
    let site = Destination::Site(foreign.uri.replace("https://", "").replace('/', ""));
    let bare = App { name: foreign.name.to_owned(), ..App::default() };
    add!("waiting", waiting(foreign));
    add!("waiting-bare", Waiting { app: bare.clone(), scopes: vec![], ..waiting(foreign) });
    add!("confirm", confirm(foreign, site, false));
    add!("digits", digits(foreign, None));
    add!("digits-wrong", digits(foreign, Some(Fault::Wrong { left: 2 })));
    add!("digits-malformed", digits(foreign, Some(Fault::Malformed)));
    add!("confirm-details", confirm(foreign, Destination::Computer, true));
    add!("confirm-app", confirm(foreign, Destination::App, false));
    for kind in ProblemKind::ALL {
        add!(format!("problem-{kind:?}").to_lowercase(), problem(kind, foreign));
    }
    let ask = |app| LogoutAsk { app, proceed: form("/logout"), stay: form("/logout/stay") };
    add!("logout", ask(None));
    add!("logout-app", ask(Some(bare)));
    add!("logged-out", LoggedOut);
    pages
}
