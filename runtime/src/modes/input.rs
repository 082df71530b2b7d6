//! The prompt of a batch run: standard input, then files, then words.

use std::{
    fs, io,
    io::{IsTerminal as _, Read as _},
    path::{Path, PathBuf},
    sync::mpsc,
    thread,
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

/// Largest file, and largest standard input, that goes into a prompt.
const MAX_FILE_BYTES: u64 = 10 << 20;
/// Largest prompt in all: more cannot be kept as one entry of a session.
const MAX_TEXT_BYTES: usize = 12 << 20;
/// How long a silent standard input is waited for when there is a prompt without it.
const STDIN_PATIENCE: Duration = Duration::from_secs(3);

/// A prompt, put together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Assembled {
    pub text: String,
    pub images: Vec<Value>,
}

/// Why there is no prompt.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    #[error("a prompt is required: give it as words, as @FILE, or on standard input")]
    Empty,
    #[error("cannot read `{path}`: {source}")]
    File { path: String, source: io::Error },
    #[error("`{path}` is larger than 10 MiB; name it in the prompt and let a tool read it")]
    TooLarge { path: String },
    #[error("`{path}` is neither text nor an image (PNG, JPEG, GIF, WebP)")]
    Binary { path: String },
    #[error("cannot read standard input: {0}")]
    Stdin(io::Error),
    #[error("standard input is not text")]
    StdinBinary,
    #[error("standard input is larger than 10 MiB; put it in a file and let a tool read it")]
    StdinTooLarge,
    #[error("the prompt is larger than 12 MiB; name its files and let a tool read them")]
    PromptTooLarge,
}

/// Puts the prompt together.
pub fn assemble(words: &[String], flag: Option<&str>, cwd: &Path) -> Result<Assembled, InputError> {
    let mut parts = Vec::new();
    let mut images = Vec::new();
    let (files, words): (Vec<_>, Vec<_>) = words.iter().partition(|word| is_file_word(word));
    let mut words: Vec<&str> = words.into_iter().map(String::as_str).collect();
    words.splice(0..0, flag);
    if let Some(piped) = read_stdin(!words.is_empty() || !files.is_empty())?
        && !piped.trim().is_empty()
    {
        parts.push(piped.trim_end().to_owned());
    }
    for word in files {
        let name = &word[1..];
        match read_file(&cwd.join(expand_home(name)), name)? {
            Attached::Text(text) => {
                parts.push(format!("<file path=\"{name}\">\n{}\n</file>", text.trim_end()));
            }
            Attached::Image(image) => images.push(image),
        }
    }
    if !words.is_empty() {
        parts.push(words.join(" "));
    }
    if parts.iter().all(|part| part.trim().is_empty()) && images.is_empty() {
        return Err(InputError::Empty);
    }
    let text = parts.join("\n\n");
    if text.len() > MAX_TEXT_BYTES {
        return Err(InputError::PromptTooLarge);
    }
    Ok(Assembled { text, images })
}

fn is_file_word(word: &str) -> bool {
    word.len() > 1 && word.starts_with('@')
}

fn expand_home(name: &str) -> PathBuf {
    match (name.strip_prefix("~/"), std::env::var_os("HOME")) {
        (Some(rest), Some(home)) => PathBuf::from(home).join(rest),
        _ => PathBuf::from(name),
    }
}

enum Attached {
    Text(String),
    Image(Value),
}

fn read_file(path: &Path, name: &str) -> Result<Attached, InputError> {
    let fail = |source| InputError::File { path: name.to_owned(), source };
    let meta = fs::metadata(path).map_err(fail)?;
    if meta.is_dir() {
        return Err(fail(io::ErrorKind::IsADirectory.into()));
    }
    if meta.len() > MAX_FILE_BYTES {
        return Err(InputError::TooLarge { path: name.to_owned() });
    }
    // A pipe or a device does not say how much it holds.
    let mut bytes = Vec::new();
    let mut file = fs::File::open(path).map_err(fail)?.take(MAX_FILE_BYTES + 1);
    file.read_to_end(&mut bytes).map_err(fail)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(InputError::TooLarge { path: name.to_owned() });
    }
    if let Some(image) = image_block(&bytes) {
        return Ok(Attached::Image(image));
    }
    match String::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => Ok(Attached::Text(text)),
        _ => Err(InputError::Binary { path: name.to_owned() }),
    }
}

/// The bytes as an image block, if they are an image that models take.
pub(super) fn image_block(bytes: &[u8]) -> Option<Value> {
    let media_type = image_type(bytes)?;
    let data = STANDARD.encode(bytes);
    Some(json!({ "type": "image", "media_type": media_type, "data": data }))
}

/// What kind of image the bytes are, by how they start.
fn image_type(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', 0x0D, 0x0A, 0x1A, 0x0A, ..] => Some("image/png"),
        [0xFF, 0xD8, 0xFF, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => None,
    }
}

/// Reads standard input unless it is a terminal. When the prompt does not need it, one that stays
/// silent is not waited for forever.
fn read_stdin(optional: bool) -> Result<Option<String>, InputError> {
    if io::stdin().is_terminal() {
        return Ok(None);
    }
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let mut stdin = io::stdin().lock();
        let mut first = [0; 4096];
        let started = stdin.read(&mut first);
        sender.send(None).ok();
        let result = started.and_then(|count| {
            bytes.extend_from_slice(&first[..count]);
            let mut rest = stdin.take(MAX_FILE_BYTES + 1);
            if count > 0 { rest.read_to_end(&mut bytes).map(drop) } else { Ok(()) }
        });
        sender.send(Some(result.map(|()| bytes))).ok();
    });
    if optional && receiver.recv_timeout(STDIN_PATIENCE).is_err() {
        super::out::report_error("standard input is open but silent; going on without it");
        return Ok(None);
    }
    loop {
        match receiver.recv() {
            Ok(None) => {}
            Ok(Some(Ok(bytes))) if bytes.len() as u64 > MAX_FILE_BYTES => {
                return Err(InputError::StdinTooLarge);
            }
            Ok(Some(Ok(bytes))) => {
                let text = String::from_utf8(bytes).map_err(|_| InputError::StdinBinary)?;
                return Ok(Some(text));
            }
            // A closed standard input is an empty one.
            Ok(Some(Err(err))) if err.raw_os_error() == Some(9) => return Ok(None),
            Ok(Some(Err(err))) => return Err(InputError::Stdin(err)),
            Err(_) => return Ok(None),
        }
    }
}
