use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

use super::*;

fn typed(text: &str) -> Edit {
    let mut edit = Edit::multiline();
    for part in text.graphemes(true) {
        edit.insert(part);
    }
    edit
}

fn with(text: &str, caret: usize) -> Edit {
    let mut edit = Edit::multiline();
    edit.reset(text);
    edit.set_caret(caret);
    edit
}

/// The text with `|` at the caret.
fn show(edit: &Edit) -> String {
    let (before, after) = edit.text().split_at(edit.caret());
    format!("{before}|{after}")
}

fn after(text: &str, caret: usize, actions: &[EditAction]) -> String {
    let mut edit = with(text, caret);
    for action in actions {
        edit.apply(*action, 80);
    }
    show(&edit)
}

use EditAction as A;

#[test]
fn characters_are_what_people_see() {
    let family = "👨‍👩‍👧";
    let text = format!("a{family}e\u{301}漢");
    let end = text.len();
    assert_eq!(after(&text, end, &[A::MoveLeft]), format!("a{family}e\u{301}|漢"));
    assert_eq!(after(&text, end, &[A::MoveLeft, A::DeleteLeft]), format!("a{family}|漢"));
    assert_eq!(after(&text, 1, &[A::DeleteRight]), "a|e\u{301}漢");
    let mut edit = with(&text, 3);
    assert_eq!(edit.caret(), 1, "not inside of the family");
    edit.insert("x");
    assert_eq!(show(&edit), format!("ax|{family}e\u{301}漢"));
    let mut edit = with("e", 1);
    edit.insert("\u{301}");
    assert_eq!(edit.caret(), 3);
}

#[test]
fn words_are_jumped_over_and_cut() {
    let text = "one two-three  four";
    assert_eq!(after(text, 19, &[A::MoveWordLeft]), "one two-three  |four");
    assert_eq!(after(text, 15, &[A::MoveWordLeft]), "one two-|three  four");
    assert_eq!(after(text, 3, &[A::MoveWordRight]), "one two|-three  four");
    assert_eq!(after(text, 19, &[A::KillWordLeft]), "one two-three  |");
    assert_eq!(after(text, 13, &[A::KillBlankWordLeft]), "one |  four");
    assert_eq!(after(text, 13, &[A::KillWordRight]), "one two-three|");
    assert_eq!(after("foo bar", 7, &[A::KillWordLeft]), "foo |");
    assert_eq!(after("日本語 x", 9, &[A::MoveWordLeft]), "日本|語 x");
}

#[test]
fn lines_have_starts_and_ends() {
    let text = "one\ntwo\nthree";
    assert_eq!(after(text, 5, &[A::MoveLineStart]), "one\n|two\nthree");
    assert_eq!(after(text, 5, &[A::MoveLineEnd]), "one\ntwo|\nthree");
    assert_eq!(after(text, 5, &[A::KillLineLeft]), "one\n|wo\nthree");
    assert_eq!(after(text, 4, &[A::KillLineLeft]), "one|two\nthree");
    assert_eq!(after(text, 5, &[A::KillLineRight]), "one\nt|\nthree");
    assert_eq!(after(text, 7, &[A::KillLineRight]), "one\ntwo|three");
    assert_eq!(after(text, 5, &[A::MoveStart]), "|one\ntwo\nthree");
    assert_eq!(after(text, 5, &[A::MoveEnd]), "one\ntwo\nthree|");
}

#[test]
fn cuts_come_back_the_newest_first() {
    let mut edit = with("one two three", 13);
    edit.apply(A::KillWordLeft, 80);
    edit.apply(A::KillWordLeft, 80);
    assert_eq!(show(&edit), "one |");
    edit.apply(A::Yank, 80);
    assert_eq!(show(&edit), "one two three|", "cuts in a row are one");
    edit.apply(A::MoveStart, 80);
    edit.apply(A::KillWordRight, 80);
    edit.apply(A::Yank, 80);
    edit.apply(A::YankOlder, 80);
    assert_eq!(show(&edit), "two three| two three");
    edit.apply(A::YankOlder, 80);
    assert_eq!(show(&edit), "one| two three");
    edit.apply(A::MoveEnd, 80);
    assert!(!edit.apply(A::YankOlder, 80), "only right after a yank");
}

#[test]
fn undo_goes_word_by_word_and_redo_back() {
    let mut edit = typed("hello big world");
    edit.apply(A::Undo, 80);
    assert_eq!(show(&edit), "hello big |");
    edit.apply(A::Undo, 80);
    assert_eq!(show(&edit), "hello |");
    edit.apply(A::Redo, 80);
    assert_eq!(show(&edit), "hello big |");
    edit.insert("b");
    assert!(!edit.apply(A::Redo, 80), "what was undone is gone after a change");
    edit.apply(A::DeleteLeft, 80);
    edit.apply(A::DeleteLeft, 80);
    edit.apply(A::DeleteLeft, 80);
    edit.apply(A::Undo, 80);
    assert_eq!(show(&edit), "hello big b|", "deletions in a row are one");
    edit.insert("pasted text");
    edit.apply(A::Undo, 80);
    assert_eq!(show(&edit), "hello big b|");
    edit.clear();
    edit.apply(A::Undo, 80);
    assert_eq!(edit.text(), "hello big b");
}

#[test]
fn two_characters_are_swapped() {
    assert_eq!(after("abc", 1, &[A::Transpose]), "ba|c");
    assert_eq!(after("abc", 3, &[A::Transpose]), "acb|");
    assert_eq!(after("a", 1, &[A::Transpose]), "a|");
    assert_eq!(after("a\nb", 2, &[A::Transpose]), "a\n|b");
    assert_eq!(after("", 0, &[A::Transpose]), "|");
}

fn rows_of(text: &str, caret: usize, width: u16) -> (Vec<String>, (usize, usize)) {
    let edit = with(text, caret);
    let rows = edit.rows(width);
    (rows.rows.iter().map(|row| edit.shown(row).into_owned()).collect(), rows.caret)
}

#[test]
fn rows_break_after_blanks_and_inside_of_long_words() {
    let (rows, caret) = rows_of("the quick brown", 15, 10);
    assert_eq!(rows, ["the quick ", "brown"]);
    assert_eq!(caret, (1, 5));
    let (rows, caret) = rows_of("the quick brown", 10, 10);
    assert_eq!((rows.len(), caret), (2, (1, 0)), "a soft break belongs to the later row");
    assert_eq!(rows_of("abcdefgh", 0, 3).0, ["abc", "def", "gh"]);
    assert_eq!(rows_of("ab\n\ncd", 3, 3), (vec!["ab".into(), String::new(), "cd".into()], (1, 0)));
    assert_eq!(rows_of("abc", 3, 3), (vec!["abc".into(), String::new()], (1, 0)));
    assert_eq!(rows_of("漢字漢", 9, 5), (vec!["漢字".into(), "漢".into()], (1, 2)));
    assert_eq!(rows_of("\tx", 1, 10), (vec!["    x".into()], (0, 4)));
}

#[test]
fn passwords_are_dots() {
    let mut edit = Edit::line().hidden(true);
    edit.insert("sécret 漢");
    let rows = edit.rows(40);
    assert_eq!(edit.shown(&rows.rows[0]), "••••••••");
    assert_eq!(rows.caret, (0, 8));
}

#[test]
fn moving_up_and_down_keeps_the_column() {
    let mut edit = with("a long line\nab\nanother line", 9);
    assert!(!edit.apply(A::MoveUp, 80), "there is no row above the first");
    edit.apply(A::MoveDown, 80);
    assert_eq!(show(&edit), "a long line\nab|\nanother line");
    edit.apply(A::MoveDown, 80);
    assert_eq!(show(&edit), "a long line\nab\nanother l|ine");
    assert!(!edit.apply(A::MoveDown, 80));
    let mut edit = with("漢字漢字\nabcdef", 3);
    edit.apply(A::MoveDown, 80);
    assert_eq!(show(&edit), "漢字漢字\nab|cdef");
    let mut edit = with("abcdefgh", 8);
    edit.apply(A::MoveUp, 3);
    assert_eq!(show(&edit), "abcde|fgh", "rows are those that are seen");
    edit.apply(A::MoveUp, 3);
    assert_eq!(show(&edit), "ab|cdefgh");
    let mut edit = with("abcdefxyz\n", 10);
    edit.apply(A::MoveUp, 3);
    assert_eq!(show(&edit), "abcdef|xyz\n");
}

#[test]
fn what_is_no_text_stays_out() {
    let mut edit = Edit::line();
    edit.insert("a\r\nb\u{1b}[31m\u{0}\tc");
    assert_eq!(edit.text(), "a b[31m\tc");
    assert!(!edit.apply(A::Newline, 80));
    let mut edit = Edit::multiline();
    edit.insert("a\r\nb\rc");
    assert_eq!(edit.text(), "a\nb\nc");
    edit.replace(1..2, " and ");
    assert_eq!(show(&edit), "a and |b\nc");
    edit.replace(100..200, "!");
    assert_eq!(edit.text(), "a and b\nc!");
}

#[test]
fn a_megabyte_is_pasted_and_laid_out_at_once() {
    let mut edit = Edit::multiline();
    let text = "some words that wrap, and 漢字\n".repeat(35_000);
    edit.insert(&text);
    assert_eq!(edit.text().len(), text.len());
    let rows = edit.rows(20);
    assert_eq!(rows.rows.len(), 35_000 * 2 + 1);
    assert_eq!(rows.caret, (70_000, 0));
    edit.apply(A::Undo, 80);
    assert!(edit.is_empty());
    // One line, one cluster after the other: the time must not grow with the square.
    edit.insert(&"e\u{301}".repeat(350_000));
    edit.apply(A::MoveUp, 40);
    edit.apply(A::KillLineLeft, 40);
    assert!(!edit.is_empty());
}

#[test]
fn any_actions_keep_the_caret_between_characters_and_can_be_undone() {
    let seed = std::env::var("ZI_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(7_u64);
    let mut random = StdRng::seed_from_u64(seed);
    let parts =
        ["a", "word ", " ", "漢", "e\u{301}", "\u{301}", "👨‍👩‍👧", "\u{200d}", "🇩", "\n", "\t", "x\ny"];
    for round in 0..300 {
        let mut edit = if round % 2 == 0 { Edit::multiline() } else { Edit::line() };
        for step in 0..60 {
            match random.random_range(0..4) {
                0 => edit.insert(parts[random.random_range(0..parts.len())]),
                1 => edit.set_caret(random.random_range(0..40)),
                _ => {
                    let action = ACTIONS[random.random_range(0..ACTIONS.len())].0;
                    edit.apply(action, random.random_range(0..12));
                }
            }
            let at = edit.caret();
            assert!(is_boundary(edit.text(), at), "seed {seed} round {round} step {step}");
            let width = random.random_range(1..12);
            let rows = edit.rows(width);
            let (row, column) = rows.caret;
            assert!(row < rows.rows.len(), "seed {seed} round {round} step {step}");
            assert!(column <= usize::from(width).max(4), "seed {seed} round {round} step {step}");
            let shown: String = rows.rows.iter().map(|row| &edit.text()[row.clone()]).collect();
            assert_eq!(shown, edit.text().replace('\n', ""), "seed {seed} round {round}");
        }
        let end = edit.text().to_owned();
        let steps = edit.undo.len();
        (0..steps).for_each(|_| assert!(edit.apply(A::Undo, 80)));
        assert_eq!(edit.text(), "", "seed {seed} round {round}");
        (0..steps).for_each(|_| assert!(edit.apply(A::Redo, 80)));
        assert_eq!(edit.text(), end, "seed {seed} round {round}");
    }
}
