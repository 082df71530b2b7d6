--- What the demo says when it is asked for a tour: a bit of everything that an answer can hold.
local M = {}

M.THOUGHT = "They want to see what a screen can show. I will use headings, lists, a table, code, a quote "
  .. "and a link, and end with what to try next."

M.TEXT = [[# A tour

This is what answers look like: **bold**, *italic*, ~~struck~~, `code`, and a [link](https://example.org/zi).

## Lists

1. Numbered, with words that go on for long enough to be wrapped where the screen ends
2. - nested
   - [x] and done
   - [ ] or still to do

## A table

| what | how wide | fits |
|:-----|---------:|:----:|
| names | 12 | yes |
| 漢字 and 👩‍💻 | 16 | yes |
| something longer that has to be cut or wrapped somewhere | 60 | it depends |

## Code

```rust
/// Adds up what there is.
fn total(prices: &[u64]) -> u64 {
    prices.iter().sum() // 42, most of the time
}
```

```diff
-let answer = 41;
+let answer = 42;
```

> What is quoted stands back a little,
> over as many lines as it takes.

---

Scroll with PgUp, look for words with Ctrl+F, open what is folded with Ctrl+O. `/help` has the rest.]]

return M
