-- name: keys
-- description: What the keys do.
-- api: 1

-- The keys of an action can be changed in settings.json, as `"keys": {"submit": ["ctrl+enter"]}`;
-- `/keys` lists them all. Editing has keys of its own below these: those of readline.
local KEYS = {
  { "submit", "enter" },
  { "submit_now", "ctrl+enter", "alt+s" },
  { "newline", "shift+enter", "alt+enter", "ctrl+j" },
  { "cancel", "escape" },
  { "interrupt", "ctrl+c" },
  { "quit_or_delete", "ctrl+d" },
  { "suspend", "ctrl+z" },
  { "redraw", "ctrl+l" },
  { "complete", "tab" },
  { "up", "up" },
  { "down", "down" },
  { "history_previous", "ctrl+p" },
  { "history_next", "ctrl+n" },
  { "scroll_page_up", "pageup" },
  { "scroll_page_down", "pagedown" },
  { "scroll_half_up", "ctrl+pageup", "shift+pageup" },
  { "scroll_half_down", "ctrl+pagedown", "shift+pagedown" },
  { "scroll_up", "shift+up" },
  { "scroll_down", "shift+down" },
  { "scroll_top", "ctrl+home" },
  { "scroll_bottom", "ctrl+end" },
  { "block_previous", "alt+up" },
  { "block_next", "alt+down" },
  { "expand_all", "ctrl+o" },
  { "search", "ctrl+f" },
  { "external_editor", "ctrl+g" },
  { "paste_image", "alt+v" },
  { "pager", "alt+p" },
}

for _, row in ipairs(KEYS) do
  for index = 2, #row do
    zi.keymap(row[index], row[1])
  end
end
