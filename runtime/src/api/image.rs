//! `zi.image`: looking at images, and making other ones of them.

use std::path::PathBuf;

use image::ImageFormat;
use mlua::{IntoLuaMulti, Lua, MultiValue, Result, Value};
use tokio::sync::Semaphore;
use zi_kernel::scheduler::offload;

use super::{
    Bind, Entry,
    errors::fail,
    fields::{Fields, kind_of, misuse, string_argument},
    path::expand,
    waiting,
};
use crate::{
    images::{self, FORMATS, Fit, MAX_PIXELS, Problem, Size},
    near,
};

/// Longer than any path that a system takes.
const MAX_PATH_BYTES: usize = 4096;
/// Images that are worked on at once, since each takes a few times the memory of its pixels.
static AT_ONCE: Semaphore = Semaphore::const_new(2);

/// What scripts find in `zi.image`, in the order of the manual.
pub const ENTRIES: &[Entry] = &[
    Entry {
        name: "probe",
        doc: "What an image is: `{format = \"png\"|\"jpeg\"|\"gif\"|\"webp\", width, height}`, as it is \
              shown upright. Takes its bytes or the path of its file, and reads no pixels.",
        meta: "---@async\n---@param image string\n---@return {format: string, width: integer, height: integer}?, zi.Error?",
        bind: Bind::Zi(|lua| waiting(lua, probe)),
    },
    Entry {
        name: "resize",
        doc: "Scales an image to `width` by `height` and answers its bytes, in the format it had. \
              With one of them the other follows from the proportions. `fit` says what happens to \
              the proportions: `contain` (the default) keeps the image within the size, `cover` \
              fills the size and cuts off what is over, `fill` stretches, `scale_down` is `contain` \
              for images that are too large and leaves others alone. Of an animation the first \
              picture is taken.",
        meta: "---@async\n---@param bytes string\n---@param opts {width?: integer, height?: integer, fit?: \"contain\"|\"cover\"|\"fill\"|\"scale_down\"}\n---@return string?, zi.Error?",
        bind: Bind::Zi(|lua| waiting(lua, resize)),
    },
    Entry {
        name: "convert",
        doc: "Makes a PNG, JPEG, GIF or WebP (lossless) of an image and answers its bytes. What \
              shines through is white in a JPEG. Of an animation the first picture is taken.",
        meta: "---@async\n---@param bytes string\n---@param format \"png\"|\"jpeg\"|\"gif\"|\"webp\"\n---@return string?, zi.Error?",
        bind: Bind::Zi(|lua| waiting(lua, convert)),
    },
];

async fn probe(lua: Lua, image: Value) -> Result<MultiValue> {
    let given = bytes_argument("zi.image.probe", "image", &image)?;
    let path = if images::is_image(&given) { None } else { as_path(&lua, &given)? };
    let probed = work(move || match path {
        Some(path) => images::probe(&images::read(&path)?),
        None => images::probe(&given),
    });
    match probed.await? {
        Ok(probed) => {
            let table = lua.create_table()?;
            table.raw_set("format", probed.format)?;
            table.raw_set("width", probed.width)?;
            table.raw_set("height", probed.height)?;
            table.into_lua_multi(&lua)
        }
        Err(problem) => fail(&lua, problem.kind(), problem),
    }
}

/// The path that bytes may be which are no image.
fn as_path(lua: &Lua, bytes: &[u8]) -> Result<Option<PathBuf>> {
    match std::str::from_utf8(bytes) {
        Ok(path) if (1..=MAX_PATH_BYTES).contains(&path.len()) && !path.contains('\0') => {
            expand(lua, path).map(Some)
        }
        _ => Ok(None),
    }
}

async fn resize(lua: Lua, (bytes, opts): (Value, Value)) -> Result<MultiValue> {
    const WHO: &str = "zi.image.resize";
    let bytes = bytes_argument(WHO, "bytes", &bytes)?;
    let size = read_size(&Fields::new(&lua, WHO, opts)?)?;
    answer(&lua, work(move || images::resize(&bytes, size)).await?)
}

fn read_size(fields: &Fields) -> Result<Size> {
    let side = |name| match fields.opt_count(name, MAX_PIXELS)? {
        Some(0) => fields.invalid(name, "must be at least 1"),
        side => Ok(side),
    };
    let (width, height) = (side("width")?, side("height")?);
    if width.is_none() && height.is_none() {
        return fields.invalid("width", "this or `height` is required");
    }
    let chosen = fields.opt_choice("fit", &Fit::NAMES.map(|(name, _)| name))?;
    let fit = Fit::NAMES.iter().find(|(name, _)| Some(*name) == chosen);
    Ok(Size { width, height, fit: fit.map_or(Fit::Contain, |(_, fit)| *fit) })
}

async fn convert(lua: Lua, (bytes, format): (Value, Value)) -> Result<MultiValue> {
    const WHO: &str = "zi.image.convert";
    let bytes = bytes_argument(WHO, "bytes", &bytes)?;
    let format = read_format(WHO, &string_argument(WHO, "format", &format)?)?;
    answer(&lua, work(move || images::convert(&bytes, format)).await?)
}

fn read_format(who: &str, name: &str) -> Result<ImageFormat> {
    if let Some((_, format)) = FORMATS.iter().find(|(known, _)| *known == name) {
        return Ok(*format);
    }
    let names = FORMATS.map(|(name, _)| name);
    let hint = near::hint(name, &names);
    Err(misuse(who, format_args!("`format`: `{name}` is none of {}{hint}", names.join(", "))))
}

/// Runs `job` where it may block, after others that run already.
async fn work<T: Send + 'static>(
    job: impl FnOnce() -> std::result::Result<T, Problem> + Send + 'static,
) -> Result<std::result::Result<T, Problem>> {
    offload(async move {
        let permit = AT_ONCE.acquire().await;
        let working = tokio::task::spawn_blocking(move || {
            // The work holds it, not who waits for the work: that may be gone before.
            let _permit = permit;
            job()
        });
        working.await.unwrap_or(Err(Problem::Panicked))
    })
    .await
}

fn answer(lua: &Lua, made: std::result::Result<Vec<u8>, Problem>) -> Result<MultiValue> {
    match made {
        Ok(bytes) => lua.create_string(bytes)?.into_lua_multi(lua),
        Err(problem) => fail(lua, problem.kind(), problem),
    }
}

fn bytes_argument(who: &str, name: &str, value: &Value) -> Result<Vec<u8>> {
    match value {
        Value::String(bytes) => Ok(bytes.as_bytes().to_vec()),
        other => {
            Err(misuse(who, format_args!("`{name}` must be a string, not {}", kind_of(other))))
        }
    }
}
