//! Files that are dropped onto the terminal, and images from the clipboard.
//!
//! A terminal pastes the path of a file that is dropped onto it, in quotes or with its blanks
//! escaped.

use std::path::{Path, PathBuf};

use serde_json::Value;
use zi_kernel::job::{self, Keep, Run, Spec};

use crate::{host::Host, images, modes::input};

/// Longest path that is believed to be one.
const MAX_PATH_BYTES: usize = 4096;
/// Largest image.
const MAX_IMAGE_BYTES: usize = 10 << 20;

/// What was dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dropped {
    Image(PathBuf),
    /// The path of another file, as it is named in the draft.
    File(String),
}

/// Reads a paste that is the path of a file and nothing else.
pub fn dropped(text: &str, cwd: &Path) -> Option<Dropped> {
    let text = text.trim();
    if text.len() > MAX_PATH_BYTES || text.contains('\n') {
        return None;
    }
    let path = PathBuf::from(unquoted(text)?);
    if !path.is_absolute() || !path.is_file() {
        return None;
    }
    let ending = path.extension()?.to_string_lossy().to_lowercase();
    if matches!(ending.as_str(), "png" | "jpg" | "jpeg" | "gif" | "webp") {
        return Some(Dropped::Image(path));
    }
    let name = path.strip_prefix(cwd).unwrap_or(&path);
    Some(Dropped::File(name.to_string_lossy().into_owned()))
}

/// The path without the quotes, escapes or scheme that terminals put around it.
fn unquoted(text: &str) -> Option<String> {
    if let Some(rest) = text.strip_prefix("file://") {
        return percent_decoded(rest);
    }
    for quote in ['\'', '"'] {
        if let Some(inner) = text.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
            return (!inner.contains(quote)).then(|| inner.to_owned());
        }
    }
    let mut path = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => path.push(chars.next()?),
            // A blank that is not escaped ends a path: this is a sentence.
            c if c.is_whitespace() => return None,
            c => path.push(c),
        }
    }
    Some(path)
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            let digits = std::str::from_utf8(&digits).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

/// Reads an image file into a block, with a word about it.
pub async fn read_image(path: PathBuf) -> Result<(Value, String), String> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let read = tokio::task::spawn_blocking(move || {
        let bytes = images::read(&path).map_err(|problem| problem.to_string())?;
        block(&bytes)
    });
    let (block, about) = read.await.map_err(|err| err.to_string())??;
    Ok((block, format!("{name}, {about}")))
}

fn block(bytes: &[u8]) -> Result<(Value, String), String> {
    let block = input::image_block(bytes).ok_or("it is no image (PNG, JPEG, GIF, WebP)")?;
    let probed = images::probe(bytes).map_err(|problem| problem.to_string())?;
    let about = format!("{} {}×{}", probed.format, probed.width, probed.height);
    Ok((block, about))
}

/// The image that is on the clipboard of the desktop.
pub async fn clipboard_image(host: &Host) -> Result<(Value, String), String> {
    const READERS: &[&[&str]] = &[
        &["wl-paste", "--no-newline", "--type", "image/png"],
        &["xclip", "-selection", "clipboard", "-target", "image/png", "-out"],
        &["pngpaste", "-"],
    ];
    for reader in READERS {
        let spec = Spec {
            argv: reader.iter().map(|word| (*word).to_owned()).collect(),
            without_env: host.secret_variables(),
            ..Spec::default()
        };
        let keep = Keep { head: MAX_IMAGE_BYTES, tail: 0 };
        let run = Run {
            spec,
            stdout: keep,
            stderr: Keep { head: 4096, tail: 0 },
            file: None,
            timeout: Some(std::time::Duration::from_secs(5)),
            news: None,
        };
        if let Ok(outcome) = job::run(run).await
            && outcome.exit.is_some_and(|exit| exit.code == Some(0))
            && let Ok(found) = block(&outcome.stdout.head)
        {
            return Ok(found);
        }
    }
    Err("there is no image on the clipboard, or none of wl-paste, xclip and pngpaste is \
         installed; dropping a file onto the terminal works everywhere"
        .to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_as_terminals_write_them() {
        let dir = tempfile::tempdir().expect("a folder");
        let image = dir.path().join("a shot.png");
        let text = dir.path().join("notes.txt");
        std::fs::write(&image, "x").expect("it is written");
        std::fs::write(&text, "x").expect("it is written");
        let plain = image.display().to_string();
        for pasted in [
            format!("'{plain}'"),
            format!("\"{plain}\""),
            plain.replace(' ', "\\ "),
            format!("file://{}", plain.replace(' ', "%20")),
            format!(" {} \n", plain.replace(' ', "\\ ")),
        ] {
            assert_eq!(
                dropped(&pasted, dir.path()),
                Some(Dropped::Image(image.clone())),
                "{pasted}"
            );
        }
        let named = Some(Dropped::File("notes.txt".to_owned()));
        assert_eq!(dropped(&text.display().to_string(), dir.path()), named);
        for sentence in [&plain, "look at /etc/passwd", "", "/no/such/file.png", "'unclosed"] {
            assert_eq!(dropped(sentence, dir.path()), None, "{sentence}");
        }
    }
}
