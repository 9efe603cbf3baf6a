//! The QR code, read by another's reader from the picture that the page holds.

use rqrr::PreparedImage;
use twinpath_pages::{Frame, Language, Site};

use crate::markup::{Element, read};
use crate::samples::{Foreign, pages};

/// Pixels of a module.
const SCALE: usize = 4;

/// Draws the path `M{x} {y}h{run}v1h-{run}z...` as rows of modules.
fn modules(side: usize, path: &str) -> Vec<Vec<bool>> {
    let mut rows = vec![vec![false; side]; side];
    for piece in path.split('M').skip(1) {
        let (place, shape) = piece.split_once('h').unwrap();
        let (x, y) = place.split_once(' ').unwrap();
        let (run, back) = shape.split_once("v1h-").unwrap();
        assert_eq!(back, format!("{run}z"));
        let (x, y, run): (usize, usize, usize) =
            (x.parse().unwrap(), y.parse().unwrap(), run.parse().unwrap());
        rows[y][x..x + run].fill(true);
    }
    rows
}

fn decoded(elements: &[Element]) -> String {
    let svg = elements.iter().find(|e| e.is("class", "qr")).unwrap();
    let side: usize = svg.attribute("viewBox").rsplit(' ').next().unwrap().parse().unwrap();
    let path = elements.iter().find(|e| e.name == "path" && e.is("fill", "#000")).unwrap();
    let rows = modules(side, path.attribute("d"));
    let mut image = PreparedImage::prepare_from_bitmap(side * SCALE, side * SCALE, |x, y| {
        rows[y / SCALE][x / SCALE]
    });
    let codes = image.detect_grids();
    assert_eq!(codes.len(), 1);
    codes[0].decode().unwrap().1
}

#[test]
fn the_code_opens_the_same_text_as_the_link() {
    let site = Site { name: "Platform".to_owned(), assets: "/assets/".to_owned() };
    for name in ["Weather", "天气 & <b>", "मौसम ऐप से ही भेजें मौसम"]
    {
        let foreign = Foreign { name, uri: "https://weather.example/", words: "x" };
        let page = pages(foreign).into_iter().find(|page| page.name == "waiting").unwrap();
        for language in Language::all() {
            let elements = read(&(page.render)(&Frame { site: &site, language }));
            let button = elements.iter().find(|e| e.is("class", "button first")).unwrap();
            let uri = decoded(&elements);
            assert_eq!(uri, button.attribute("href"));
            assert!(uri.starts_with("sms:+8610690001?body="), "{uri}");
        }
    }
}
