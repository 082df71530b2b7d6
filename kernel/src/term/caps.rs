//! What the terminal can do: guessed from the environment, then said by the terminal itself.

use super::pen::ColorDepth;
use crate::surface::Rgb;

/// How pictures are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Graphics {
    /// Two pixels to a character cell, in every terminal.
    #[default]
    HalfBlocks,
    /// The graphics protocol of kitty.
    Kitty,
    /// The inline images of iTerm2.
    Iterm2,
    /// DEC's sixels.
    Sixel,
}

/// How keys are told of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keyboard {
    /// As ever: some combinations look alike.
    #[default]
    Legacy,
    /// xterm's modifyOtherKeys.
    ModifyOtherKeys,
    /// The keyboard protocol of kitty.
    Kitty,
}

/// A program between zi and the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Multiplexer {
    Tmux,
    Screen,
}

/// How desktop notices are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Notices {
    Osc9,
    Osc777,
    /// Not known: the bell.
    #[default]
    Bell,
}

/// What the terminal can do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    pub colors: ColorDepth,
    pub graphics: Graphics,
    pub keyboard: Keyboard,
    /// Whether frames can be shown at once.
    pub synchronized: bool,
    /// Whether text can lead to addresses.
    pub links: bool,
    pub notices: Notices,
    pub multiplexer: Option<Multiplexer>,
    /// The terminal's own background, once it said so.
    pub background: Option<Rgb>,
    /// Width and height of a cell in pixels, once they are known.
    pub cell: Option<(u16, u16)>,
    /// What the terminal calls itself, once it said so.
    pub name: Option<String>,
    /// Whether the terminal answered all it will answer.
    pub is_settled: bool,
    /// Whether it has no idea of escape sequences beyond the simplest.
    pub is_dumb: bool,
    /// What `ZI_INLINE_IMAGES` asks for.
    forced_graphics: Option<Graphics>,
}

/// What the terminal said of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// Which devices it is like. Comes last: what was not answered before will not be.
    Attributes(Vec<u16>),
    /// Whether frames can be shown at once.
    Synchronized(bool),
    KittyKeyboard,
    KittyGraphics(bool),
    Background(Rgb),
    Name(String),
    Cell(u16, u16),
}

impl Capabilities {
    /// What can be told from the environment; `variable` looks one up.
    pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let get = |name: &str| variable(name).filter(|value| !value.is_empty());
        let term = get("TERM").unwrap_or_default();
        let program = get("TERM_PROGRAM").unwrap_or_default().to_lowercase();
        let multiplexer = if get("TMUX").is_some() || term.starts_with("tmux") {
            Some(Multiplexer::Tmux)
        } else if get("STY").is_some() || term.starts_with("screen") {
            Some(Multiplexer::Screen)
        } else {
            None
        };
        let is_direct = multiplexer.is_none();
        let is = |name: &str, variables: &[&str]| {
            is_direct
                && (term.contains(name)
                    || program == name
                    || variables.iter().any(|variable| get(variable).is_some()))
        };
        let kitty = is("kitty", &["KITTY_WINDOW_ID"]);
        let ghostty = is("ghostty", &["GHOSTTY_RESOURCES_DIR"]);
        let wezterm = is("wezterm", &["WEZTERM_PANE"]);
        let iterm =
            is("iterm.app", &[]) || (is_direct && get("LC_TERMINAL").as_deref() == Some("iTerm2"));
        let foot = is("foot", &[]);
        let alacritty = is("alacritty", &["ALACRITTY_WINDOW_ID"]);
        let vte = is_direct && get("VTE_VERSION").is_some();
        let windows = is_direct && get("WT_PROFILE_ID").is_some();
        let is_modern = kitty || ghostty || wezterm || iterm || foot || alacritty;
        let is_dumb = matches!(term.as_str(), "" | "dumb" | "emacs" | "cons25");
        let is_plain = is_dumb || matches!(term.as_str(), "linux" | "vt100" | "vt220");
        let forced_graphics = get("ZI_INLINE_IMAGES").as_deref().and_then(graphics_named);
        let detected = if kitty || ghostty {
            Graphics::Kitty
        } else if wezterm || iterm {
            Graphics::Iterm2
        } else {
            Graphics::HalfBlocks
        };
        Self {
            colors: color_depth(&get, &term, is_modern || vte || windows),
            graphics: forced_graphics.unwrap_or(detected),
            keyboard: Keyboard::Legacy,
            synchronized: is_modern,
            links: !is_plain && program != "apple_terminal",
            notices: if vte || foot || term.starts_with("rxvt") {
                Notices::Osc777
            } else if is_modern || multiplexer == Some(Multiplexer::Tmux) {
                Notices::Osc9
            } else {
                Notices::Bell
            },
            multiplexer,
            background: None,
            cell: None,
            name: None,
            is_settled: false,
            is_dumb: is_plain,
            forced_graphics,
        }
    }

    /// Whether the terminal is light, once it said what its background is.
    pub fn is_light(&self) -> Option<bool> {
        let [red, green, blue] = self.background?.map(u32::from);
        Some(red * 3 + green * 6 + blue >= 1280)
    }

    /// Takes in what the terminal said. Answers whether that changed anything.
    pub(super) fn refine(&mut self, reply: Reply) -> bool {
        let before = self.clone();
        match reply {
            Reply::Attributes(attributes) => {
                self.is_settled = true;
                if self.keyboard == Keyboard::Legacy && !self.is_dumb {
                    self.keyboard = Keyboard::ModifyOtherKeys;
                }
                let has_sixels = attributes.iter().skip(1).any(|attribute| *attribute == 4);
                if has_sixels && self.graphics == Graphics::HalfBlocks {
                    self.detect(Graphics::Sixel);
                }
            }
            Reply::Synchronized(is_known) => self.synchronized = is_known,
            Reply::KittyKeyboard => self.keyboard = Keyboard::Kitty,
            Reply::KittyGraphics(is_known) => match (is_known, self.graphics) {
                // WezTerm draws both; its iTerm2 images are the better tried.
                (true, Graphics::HalfBlocks | Graphics::Sixel) => self.detect(Graphics::Kitty),
                (false, Graphics::Kitty) => self.detect(Graphics::HalfBlocks),
                _ => {}
            },
            Reply::Background(background) => self.background = Some(background),
            Reply::Name(name) => self.name = Some(name),
            Reply::Cell(width, height) => self.cell = Some((width, height)),
        }
        *self != before
    }

    /// Settles on what was detected, unless the user decided. Behind a multiplexer nothing is sure.
    fn detect(&mut self, graphics: Graphics) {
        if self.forced_graphics.is_none() && self.multiplexer.is_none() {
            self.graphics = graphics;
        }
    }

    /// What is asked of the terminal when it is opened. Its last question is one that all terminals
    /// answer.
    pub(super) fn questions(&self) -> Vec<u8> {
        if self.is_dumb {
            return Vec::new();
        }
        let mut questions = Vec::new();
        for question in [
            "\x1b[?u",         // kitty keyboard
            "\x1b[?2026$p",    // synchronized updates
            "\x1b]11;?\x1b\\", // background colour
            "\x1b[>q",         // name and version
            "\x1b[16t",        // size of a cell
        ] {
            questions.extend_from_slice(question.as_bytes());
        }
        if self.multiplexer.is_none() && self.links {
            questions.extend_from_slice(b"\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\");
        }
        questions.extend_from_slice(b"\x1b[c");
        questions
    }
}

/// The graphics that `ZI_INLINE_IMAGES` names.
fn graphics_named(name: &str) -> Option<Graphics> {
    match name.to_lowercase().as_str() {
        "kitty" => Some(Graphics::Kitty),
        "iterm2" | "iterm" => Some(Graphics::Iterm2),
        "sixel" => Some(Graphics::Sixel),
        "off" | "none" | "0" | "halfblock" | "halfblocks" => Some(Graphics::HalfBlocks),
        _ => None,
    }
}

fn color_depth(get: &impl Fn(&str) -> Option<String>, term: &str, is_modern: bool) -> ColorDepth {
    if get("NO_COLOR").is_some() || term.is_empty() || term == "dumb" {
        return ColorDepth::None;
    }
    let says_true = get("COLORTERM").is_some_and(|value| {
        value.eq_ignore_ascii_case("truecolor") || value.eq_ignore_ascii_case("24bit")
    });
    if says_true || is_modern || term.ends_with("-direct") {
        ColorDepth::True
    } else if term.contains("256color") || matches!(term, "tmux" | "screen") {
        ColorDepth::Indexed256
    } else {
        ColorDepth::Ansi16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Capabilities {
        Capabilities::from_environment(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn colors_follow_the_environment() {
        for (variables, depth) in [
            (&[("TERM", "xterm-256color"), ("COLORTERM", "truecolor")][..], ColorDepth::True),
            (&[("TERM", "xterm-256color")], ColorDepth::Indexed256),
            (&[("TERM", "xterm")], ColorDepth::Ansi16),
            (&[("TERM", "xterm-kitty")], ColorDepth::True),
            (&[("TERM", "xterm-kitty"), ("NO_COLOR", "1")], ColorDepth::None),
            (&[("TERM", "xterm"), ("NO_COLOR", "")], ColorDepth::Ansi16),
            (&[("TERM", "dumb"), ("COLORTERM", "truecolor")], ColorDepth::None),
            (&[("TERM", "tmux-256color"), ("TMUX", "/tmp/x")], ColorDepth::Indexed256),
            (&[], ColorDepth::None),
        ] {
            assert_eq!(of(variables).colors, depth, "{variables:?}");
        }
    }

    #[test]
    fn graphics_are_off_behind_a_multiplexer_unless_they_are_forced() {
        let kitty = [("TERM", "xterm-kitty"), ("KITTY_WINDOW_ID", "1")];
        assert_eq!(of(&kitty).graphics, Graphics::Kitty);
        let mut inside = of(&[("TERM", "tmux"), ("TMUX", "x"), ("KITTY_WINDOW_ID", "1")]);
        assert_eq!(inside.graphics, Graphics::HalfBlocks);
        inside.refine(Reply::KittyGraphics(true));
        assert_eq!(inside.graphics, Graphics::HalfBlocks);
        let forced = of(&[("TERM", "tmux"), ("TMUX", "x"), ("ZI_INLINE_IMAGES", "kitty")]);
        assert_eq!(forced.graphics, Graphics::Kitty);
        let mut off = of(&[("TERM", "xterm-kitty"), ("ZI_INLINE_IMAGES", "off")]);
        off.refine(Reply::KittyGraphics(true));
        assert_eq!(off.graphics, Graphics::HalfBlocks);
    }

    #[test]
    fn a_terminal_that_only_says_what_it_is_gets_the_older_keys() {
        let mut plain = of(&[("TERM", "xterm-256color")]);
        plain.refine(Reply::Attributes(vec![62, 22]));
        assert_eq!((plain.keyboard, plain.is_settled), (Keyboard::ModifyOtherKeys, true));
        let mut modern = of(&[("TERM", "xterm-256color")]);
        modern.refine(Reply::KittyKeyboard);
        modern.refine(Reply::Attributes(vec![62, 4]));
        assert_eq!(modern.keyboard, Keyboard::Kitty);
        assert_eq!(modern.graphics, Graphics::Sixel);
    }
}
