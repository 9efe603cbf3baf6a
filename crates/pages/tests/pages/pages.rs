//! What holds for every page in every language, whatever strangers wrote into it.

use std::collections::BTreeSet;

use twinpath_pages::{CSRF_FIELD, Frame, Language, Site, asset};

use crate::markup::{Element, read};
use crate::samples::{Foreign, pages};

const FRIENDLY: Foreign<'_> =
    Foreign { name: "Weather", uri: "https://weather.example/", words: "read the forecast" };

const HOSTILE: [Foreign<'_>; 4] = [
    Foreign {
        name: "</title></h1><script>alert(1)</script>",
        uri: "javascript://weather.example/%0aalert(1)//",
        words: "<img src=x onerror=alert(1)>",
    },
    Foreign {
        name: "\" onfocus=\"alert(1)\" autofocus x='",
        uri: "https://a.example/\" onclick=\"alert(1)",
        words: "' style='position:fixed",
    },
    Foreign {
        name: "{{ shell.site }}{app}&lt;b&gt;&#60;",
        uri: "data:text/html,<script>alert(1)</script>",
        words: "-->]]>{% include \"base.html\" %}",
    },
    Foreign {
        name: "knaB\u{202e}\u{2066}\u{0}\r\n\u{200b}",
        uri: "https://bank.example\u{202e}@evil.example/",
        words: "\u{2069}\u{202c}\u{1b}[2J\u{feff}",
    },
];

fn site() -> Site {
    Site { name: "Platform & <Co>".to_owned(), assets: "/assets/".to_owned() }
}

/// Calls `check` with each page's name, source and elements.
fn each(foreign: Foreign<'_>, check: impl Fn(&str, &str, &[Element])) {
    let site = site();
    for page in pages(foreign) {
        for language in Language::all() {
            let html = (page.render)(&Frame { site: &site, language });
            check(&format!("{} {}", page.name, language.tag()), &html, &read(&html));
        }
    }
}

/// As [`each`], with friendly and hostile strangers.
fn every(check: impl Fn(&str, &str, &[Element])) {
    std::iter::once(FRIENDLY).chain(HOSTILE).for_each(|foreign| each(foreign, &check));
}

fn named<'a>(elements: &'a [Element], name: &str) -> Vec<&'a Element> {
    elements.iter().filter(|element| element.name == name).collect()
}

#[test]
fn nothing_is_inline() {
    every(|page, _, elements| {
        assert!(named(elements, "style").is_empty(), "{page}");
        for element in elements {
            for attribute in element.attributes.keys() {
                assert!(attribute != "style" && !attribute.starts_with("on"), "{page} {element:?}");
            }
        }
        for script in named(elements, "script") {
            assert_eq!(script.text, "", "{page}");
            let name = script.attribute("src").strip_prefix("/assets/").unwrap();
            assert_eq!(asset(name).unwrap().bytes, asset::SCRIPT, "{page}");
        }
        assert!(named(elements, "link").iter().any(|link| {
            let file = link.attribute("href").strip_prefix("/assets/").and_then(asset);
            link.is("rel", "stylesheet") && file.is_some_and(|file| file.bytes == asset::STYLE)
        }));
    });
}

#[test]
fn strangers_add_no_element_and_no_link() {
    // A refused link goes with what is around it; which links there are is tested below.
    const OF_LINKS: [&str; 5] = ["a", "span", "p", "section", "bdi"];
    let shape = |elements: &[Element]| -> Vec<_> {
        let inner = elements.iter().filter(|e| !OF_LINKS.contains(&&*e.name));
        inner.map(|e| (e.name.clone(), e.attributes.keys().cloned().collect::<Vec<_>>())).collect()
    };
    let site = site();
    for foreign in HOSTILE {
        for (friendly, hostile) in pages(FRIENDLY).iter().zip(pages(foreign)) {
            let frame = Frame { site: &site, language: Language::choose(None, None) };
            let expected = shape(&read(&(friendly.render)(&frame)));
            let found = shape(&read(&(hostile.render)(&frame)));
            assert_eq!(found, expected, "{}", hostile.name);
        }
    }
}

#[test]
fn only_own_paths_texts_and_https_are_linked() {
    every(|page, _, elements| {
        for element in elements {
            for name in ["href", "src", "action", "data-events", "data-page"] {
                let Some(url) = element.attributes.get(name) else { continue };
                let own = url.starts_with('/') && !url.starts_with("//");
                let fine = own || matches!((&*element.name, &**url), ("link", "data:,"));
                let text = element.name == "a" && url.starts_with("sms:");
                let away = element.name == "a" && url.starts_with("https://");
                assert!(fine || text || away, "{page} {element:?}");
                if away {
                    assert_eq!(element.attribute("rel"), "noopener noreferrer", "{page}");
                    assert!(url.starts_with("https://weather.example/"), "{page} {url}");
                }
            }
        }
    });
}

#[test]
fn invisible_characters_of_strangers_are_not_shown() {
    each(HOSTILE[3], |page, html, elements| {
        for bad in
            ['\u{202e}', '\u{2066}', '\u{0}', '\r', '\u{200b}', '\u{202c}', '\u{1b}', '\u{feff}']
        {
            assert!(!html.contains(bad), "{page} {bad:?}");
        }
        // Ours, around what is foreign where markup cannot be.
        let isolates = |mark| html.matches(mark).count();
        assert_eq!(isolates('\u{2068}'), isolates('\u{2069}'), "{page}");
        for element in elements.iter().filter(|e| !["title", "head", "html"].contains(&&*e.name)) {
            assert!(!element.text.contains('\u{2068}'), "{page} {element:?}");
        }
    });
}

#[test]
fn names_are_isolated() {
    each(FRIENDLY, |page, html, elements| {
        for name in ["Weather Ltd", "Weather"] {
            let around = format!("<bdi>{name}</bdi>");
            for heading in elements.iter().filter(|e| ["h1", "li"].contains(&&*e.name)) {
                assert!(!heading.text.contains(name) || html.contains(&around), "{page}");
            }
        }
    });
}

#[test]
fn every_post_form_has_its_token_and_no_other_has() {
    every(|page, _, elements| {
        for form in named(elements, "form") {
            let within = form.within.iter().map(|index| &elements[*index]);
            let tokens = within.clone().filter(|e| e.is("name", CSRF_FIELD)).count();
            let buttons = within.filter(|e| e.name == "button" && e.is("type", "submit")).count();
            let expected = usize::from(form.is("method", "post"));
            assert!(form.is("method", "get") || expected == 1, "{page}");
            assert_eq!((tokens, buttons), (expected, 1), "{page} {form:?}");
        }
        let inputs = named(elements, "input");
        let tokens = inputs.iter().filter(|input| input.is("name", CSRF_FIELD));
        for token in tokens {
            assert!(token.is("value", "kSk2-xT0_9") && token.is("type", "hidden"), "{page}");
            assert!(token.path.contains(&"form".to_owned()), "{page}");
        }
    });
}

#[test]
fn the_outline_is_that_of_a_page() {
    every(|page, _, elements| {
        let language = page.rsplit(' ').next().unwrap();
        let root = &elements[0];
        assert!(
            root.name == "html" && root.is("lang", language) && root.is("dir", "ltr"),
            "{page}"
        );
        for landmark in ["header", "main", "h1", "title"] {
            assert_eq!(named(elements, landmark).len(), 1, "{page} {landmark}");
        }
        let levels: Vec<_> = elements.iter().filter(|e| ["h1", "h2"].contains(&&*e.name)).collect();
        assert_eq!(levels[0].name, "h1", "{page}");
        assert!(!["h3", "h4", "h5", "h6"].iter().any(|name| !named(elements, name).is_empty()));
        assert!(named(elements, "h1")[0].path.contains(&"main".to_owned()), "{page}");
        let outside = elements.iter().filter(|e| e.path.len() == 2 && e.path[1] == "body");
        assert!(outside.into_iter().all(|e| ["header", "main"].contains(&&*e.name)), "{page}");
    });
}

#[test]
fn fields_and_pictures_have_names() {
    every(|page, _, elements| {
        let ids: Vec<_> = elements.iter().filter_map(|e| e.attributes.get("id")).collect();
        assert_eq!(ids.len(), ids.iter().collect::<BTreeSet<_>>().len(), "{page}");
        for input in named(elements, "input").iter().filter(|input| !input.is("type", "hidden")) {
            let id = input.attribute("id");
            assert!(named(elements, "label").iter().any(|label| label.is("for", id)), "{page}");
            for described in input.attribute("aria-describedby").split(' ') {
                assert!(ids.iter().any(|id| *id == described), "{page} {described}");
            }
        }
        for picture in named(elements, "svg") {
            let named = picture.is("role", "img") && !picture.attribute("aria-label").is_empty();
            assert!(named || picture.is("aria-hidden", "true"), "{page}");
        }
        for button in elements.iter().filter(|e| ["button", "a", "summary"].contains(&&*e.name)) {
            assert!(!button.text.trim().is_empty(), "{page} {button:?}");
        }
    });
}

#[test]
fn waiting_works_without_a_script() {
    each(FRIENDLY, |page, _, elements| {
        let waiting = page.starts_with("waiting");
        let refresh: Vec<_> =
            named(elements, "form").into_iter().filter(|form| form.is("method", "get")).collect();
        assert_eq!(refresh.len(), usize::from(waiting), "{page}");
        let Some(form) = refresh.first() else { return };
        assert_eq!(form.attribute("action"), "/signin/5xk");
        let fields: Vec<_> = form.within.iter().map(|index| &elements[*index]).collect();
        assert!(fields.iter().any(|f| f.is("name", "ui_locales") && f.is("value", "hi")), "{page}");
        assert!(fields.iter().any(|f| f.is("name", "x") && f.is("value", "&")), "{page}");
        let links = elements.iter().filter_map(|e| e.attributes.get("href"));
        let sms: BTreeSet<_> = links.filter(|href| href.starts_with("sms:")).collect();
        assert_eq!(sms.len(), 2, "a link for each number: {page}");
    });
}

#[test]
fn waiting_tells_its_state_politely() {
    each(FRIENDLY, |page, _, elements| {
        let live: Vec<_> =
            elements.iter().filter(|e| e.attributes.contains_key("aria-live")).collect();
        if !page.starts_with("waiting") {
            assert!(live.is_empty() && named(elements, "script").is_empty(), "{page}");
            return;
        }
        assert!(live[0].is("role", "status") && live[0].is("aria-live", "polite"), "{page}");
        assert!(live[1].is("role", "timer") && live[1].is("aria-live", "off"), "{page}");
        assert_eq!(live[1].text, "4:47");
        let state = elements.iter().find(|e| e.attributes.contains_key("data-events")).unwrap();
        assert_eq!(state.attribute("data-events"), "/signin/5xk/events");
        assert_eq!(state.attribute("data-left"), "287");
    });
}

#[test]
fn no_placeholder_is_left() {
    each(FRIENDLY, |page, html, _| assert!(!html.contains(['{', '}']), "{page}"));
}

#[test]
fn all_permissions_are_shown_before_one_agrees() {
    each(FRIENDLY, |page, _, elements| {
        let lines = named(elements, "li").len();
        match page.split(' ').next().unwrap() {
            "confirm" | "confirm-app" => assert_eq!(lines, 5, "{page}"),
            "confirm-details" => assert_eq!(lines, 7, "{page}"),
            _ => return,
        }
        let text = &named(elements, "main")[0].text;
        for shown in ["+44•••••••56", "read the forecast", "weather:alerts"] {
            assert!(text.contains(shown), "{page} {shown}");
        }
        // Beside the app's own link, a site is named only when one goes back to it.
        let sites = text.matches("weather.example").count();
        assert_eq!(sites, if page.starts_with("confirm ") { 2 } else { 1 }, "{page}");
    });
}

#[test]
fn a_nameless_app_is_called_something() {
    let foreign = Foreign { name: " \u{202e}\u{200b} ", ..FRIENDLY };
    let site = site();
    let frame = Frame { site: &site, language: Language::choose(None, None) };
    let confirm = pages(foreign).into_iter().find(|page| page.name == "confirm").unwrap();
    let html = (confirm.render)(&frame);
    assert_eq!(named(&read(&html), "h1")[0].text, "Continue to this app?");
}
