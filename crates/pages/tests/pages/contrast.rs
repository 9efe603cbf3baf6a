//! WCAG 2.2 contrast (1.4.3, 1.4.11), computed from the stylesheet's own colours in both schemes.

use std::collections::BTreeMap;

use twinpath_pages::asset::STYLE;

/// What is read, on what.
const TEXT: [(&str, &str); 15] = [
    ("ink", "ground"),
    ("ink", "card"),
    ("ink", "wash"),
    ("soft", "card"),
    ("soft", "wash"),
    ("accent", "card"),
    ("accent", "ground"),
    ("accent", "wash"),
    ("accent-deep", "card"),
    ("accent-deep", "wash"),
    ("on-accent", "accent"),
    ("on-accent", "accent-deep"),
    ("care-ink", "care"),
    ("bad", "card"),
    ("focus", "card"),
];

/// What must only be made out: borders of controls, the ring of the focus, the dot of the state.
const SHAPES: [(&str, &str); 6] = [
    ("edge", "card"),
    ("accent", "card"),
    ("accent", "wash"),
    ("bad", "card"),
    ("focus", "ground"),
    ("focus", "wash"),
];

type Colours<'a> = BTreeMap<&'a str, [f64; 3]>;

/// The custom properties of the first `:root` in `css`.
fn colours(css: &str) -> Colours<'_> {
    let block = css.split_once(":root {").unwrap().1.split_once('}').unwrap().0;
    block
        .split(';')
        .filter_map(|line| line.trim().strip_prefix("--")?.split_once(": #"))
        .map(|(name, hex)| {
            let channel =
                |at: usize| f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()) / 255.0;
            assert_eq!(hex.len(), 6, "{name}");
            (name, [channel(0), channel(2), channel(4)])
        })
        .collect()
}

/// WCAG 2.2, relative luminance.
fn luminance(colour: [f64; 3]) -> f64 {
    let linear = |c: f64| if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) };
    let [red, green, blue] = colour.map(linear);
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

/// WCAG 2.2, contrast ratio.
fn contrast(a: [f64; 3], b: [f64; 3]) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

fn schemes() -> [(&'static str, Colours<'static>); 2] {
    let css = std::str::from_utf8(STYLE).unwrap();
    let (light, dark) = css.split_once("@media (prefers-color-scheme: dark)").unwrap();
    [("light", colours(light)), ("dark", colours(dark))]
}

#[test]
fn the_formula_is_that_of_wcag() {
    assert!((contrast([0.0; 3], [1.0; 3]) - 21.0).abs() < 1e-9);
    let grey = [f64::from(0x77_u8) / 255.0; 3];
    assert!((contrast(grey, [1.0; 3]) - 4.48).abs() < 0.005);
}

#[test]
fn text_can_be_read_and_shapes_be_seen_in_both_schemes() {
    let demands = TEXT.map(|pair| (pair, 4.5)).into_iter().chain(SHAPES.map(|pair| (pair, 3.0)));
    for ((front, back), least) in demands {
        for (scheme, colours) in &schemes() {
            let ratio = contrast(colours[front], colours[back]);
            assert!(ratio >= least, "{front} on {back}, {scheme}: {ratio:.2}");
        }
    }
}

#[test]
fn both_schemes_have_the_same_colours_and_nothing_else_has_one() {
    let [(_, light), (_, dark)] = schemes();
    assert!(light.keys().eq(dark.keys()));
    let css = std::str::from_utf8(STYLE).unwrap();
    let rules = css.split_once("* { box-sizing").unwrap().1;
    for line in rules.lines() {
        assert!(!line.contains(": #") && !line.contains("rgb") && !line.contains("hsl"), "{line}");
    }
    for used in css.split("var(--").skip(1) {
        let name = used.split(')').next().unwrap();
        assert!(light.contains_key(name), "{name}");
    }
}

#[test]
fn motion_is_only_for_those_who_want_it() {
    let css = std::str::from_utf8(STYLE).unwrap();
    let calm: Vec<_> = css.split("@media (prefers-reduced-motion: no-preference) {").collect();
    assert_eq!(calm.len(), 2);
    assert!(!calm[0].contains("animation") && !css.contains("transition"));
    assert_eq!(css.matches("animation:").count(), 1);
}
