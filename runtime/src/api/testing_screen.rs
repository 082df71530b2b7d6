//! `zi.test.screen`: what a spec sees and presses.

use std::{sync::Arc, time::Duration};

use mlua::{Lua, Result, UserData, UserDataMethods, Value};
use zi_kernel::scheduler::offload;

use super::{
    Bind, Entry, VmData,
    fields::{Fields, misuse, string_argument},
    plain, testing,
};
use crate::{hooks::Event, host::Host, keys, scene::views::UiEvent, testbed::TestBed};

/// How long a spec waits for the screen unless it says otherwise.
const PATIENCE_MS: u64 = 2000;
/// How long handlers of keys may take before a spec goes on without them.
const HANDLERS: Duration = Duration::from_millis(500);

/// What specs find in `zi.test` besides, in the order of the manual.
pub const ENTRIES: &[Entry] = &[Entry {
    name: "screen",
    doc: "The screen, of 80 by 24 cells unless it is given another size: what extensions show is \
          drawn on it, and keys that are pressed go where they would. `expect(screen)` looks at its \
          text. With `false` there is none, as in batch modes.",
    meta: "---@param size? {width?: integer, height?: integer}|false\n---@return zi.spec.Screen",
    bind: Bind::Zi(|lua| plain(lua, screen)),
}];

/// What `zi.test.screen` answers.
struct Screen {
    bed: Arc<TestBed>,
    host: Arc<Host>,
}

fn screen(lua: &Lua, size: Value) -> Result<Screen> {
    const WHO: &str = "zi.test.screen";
    let bed = testing::bed(lua)?;
    bed.screen.set_there(!matches!(size, Value::Boolean(false)));
    let size = if bed.screen.is_there() { size } else { Value::Nil };
    let fields = Fields::or_empty(lua, WHO, size)?;
    let side = |name| -> Result<Option<u16>> {
        Ok(fields.opt_count(name, 1000)?.and_then(|side| u16::try_from(side).ok()))
    };
    let host = VmData::of(lua)?.host()?;
    if let (Some(width), Some(height)) = (side("width")?, side("height")?) {
        resize(&bed, &host, (width, height));
    }
    Ok(Screen { bed, host })
}

fn resize(bed: &TestBed, host: &Arc<Host>, size: (u16, u16)) {
    bed.screen.resize(size.0, size.1);
    host.emit(Event::screen_resize(size));
}

impl Screen {
    fn text(&self) -> String {
        let (frame, events) = self.bed.screen.draw(&self.host);
        events.into_iter().for_each(|event| self.host.tell_ui(event));
        frame.text()
    }
}

impl UserData for Screen {
    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        methods.add_method("text", |_, this, ()| Ok(this.text()));
        methods.add_meta_method(mlua::MetaMethod::ToString, |_, this, ()| Ok(this.text()));
        methods.add_method("title", |_, this, ()| Ok(this.bed.screen.title()));
        methods.add_method("clipboard", |_, this, ()| Ok(this.bed.screen.clipboard()));
        methods.add_method("draft", |_, this, ()| Ok(this.bed.screen.draft()));
        methods.add_method("submitted", |_, this, ()| Ok(this.bed.screen.submitted()));
        methods.add_method("style", |lua, this, (x, y): (u16, u16)| {
            let (frame, _) = this.bed.screen.draw(&this.host);
            let Some((symbol, style)) = frame.cell(x.wrapping_sub(1), y.wrapping_sub(1)) else {
                return Ok(None);
            };
            let cell = lua.create_table()?;
            cell.raw_set("text", symbol)?;
            cell.raw_set("fg", style.fg.map(|color| color.to_string()))?;
            cell.raw_set("bg", style.bg.map(|color| color.to_string()))?;
            Ok(Some(cell))
        });
        methods.add_method("resize", |_, this, (width, height): (u16, u16)| {
            resize(&this.bed, &this.host, (width.min(1000), height.min(1000)));
            Ok(())
        });
        methods.add_async_method("key", |_, this, names: mlua::Variadic<Value>| {
            let (bed, host) = (this.bed.clone(), this.host.clone());
            async move {
                for name in names.iter() {
                    let name = string_argument("screen:key", "name", name)?;
                    let key =
                        keys::canonical(&name).map_err(|problem| misuse("screen:key", problem))?;
                    tell(&host, bed.screen.key(&key)).await?;
                }
                Ok(())
            }
        });
        methods.add_async_method("type", |_, this, text: String| {
            let (bed, host) = (this.bed.clone(), this.host.clone());
            async move {
                for c in text.chars() {
                    let key = match c {
                        '\n' => "enter".to_owned(),
                        ' ' => "space".to_owned(),
                        c => c.to_string(),
                    };
                    tell(&host, bed.screen.key(&key)).await?;
                }
                Ok(())
            }
        });
        methods.add_async_method("paste", |_, this, text: String| {
            let (bed, host) = (this.bed.clone(), this.host.clone());
            async move { tell(&host, bed.screen.paste(&text)).await }
        });
        methods.add_async_method("wait_for", |lua, this, (text, opts): (String, Value)| {
            let (bed, host) = (this.bed.clone(), this.host.clone());
            let fields = Fields::or_empty(&lua, "screen:wait_for", opts).and_then(|fields| {
                Ok((fields.opt_count("timeout_ms", 60_000)?, fields.flag("gone")?))
            });
            async move {
                let (limit, gone) = fields?;
                let limit = Duration::from_millis(limit.unwrap_or(PATIENCE_MS));
                let wanted = text.clone();
                let shown = offload(async move {
                    let is_so = |text: &str| text.contains(&wanted) != gone;
                    let screen = &bed.screen;
                    let seen = screen.wait_for(&host, limit, |frame| is_so(&frame.text())).await;
                    (seen, screen.draw(&host).0.text())
                });
                match shown.await? {
                    (true, _) => Ok(()),
                    (false, screen) => {
                        let what = if gone { "does not go from" } else { "is not on" };
                        Err(misuse(
                            "screen:wait_for",
                            format_args!("`{text}` {what} the screen:\n{screen}"),
                        ))
                    }
                }
            }
        });
    }
}

/// Brings events to their owners, and waits for their handlers.
async fn tell(host: &Arc<Host>, events: Vec<UiEvent>) -> Result<()> {
    let host = host.clone();
    offload(async move {
        events.into_iter().for_each(|event| host.tell_ui(event));
        host.settle(HANDLERS).await;
    })
    .await
}
