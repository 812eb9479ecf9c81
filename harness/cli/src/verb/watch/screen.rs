//! The live picture: keys in, pictures out.

use std::time::Duration;

use model::units::Nanos;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::Feed;
use super::draw::draw;

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    End,
    Pause,
    Reset,
}

fn wish(key: KeyEvent) -> Option<Wish> {
    if key.kind == KeyEventKind::Release {
        return None;
    }
    match key.code {
        KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => Some(Wish::End),
        KeyCode::Char('q') | KeyCode::Esc => Some(Wish::End),
        KeyCode::Char('p' | ' ') => Some(Wish::Pause),
        KeyCode::Char('r') => Some(Wish::Reset),
        _ => None,
    }
}

/// Draws until somebody has seen enough. The terminal is given back on every way out, a panic
/// included (ratatui's hook).
pub(super) fn run(feed: &mut Feed<'_>) -> anyhow::Result<()> {
    let mut terminal = ratatui::try_init()?;
    let ended = pictures(&mut terminal, feed);
    ratatui::try_restore()?;
    ended
}

fn pictures(terminal: &mut ratatui::DefaultTerminal, feed: &mut Feed<'_>) -> anyhow::Result<()> {
    let mut is_paused = false;
    let mut next = Nanos::new(0);
    loop {
        feed.step()?;
        let mut is_asked = false;
        while event::poll(Duration::ZERO)? {
            match event::read()? {
                Event::Key(key) => match wish(key) {
                    Some(Wish::End) => return Ok(()),
                    Some(Wish::Pause) => is_paused = !is_paused,
                    Some(Wish::Reset) => feed.state.reset(),
                    None => {}
                },
                Event::Resize(..) => {}
                _ => continue,
            }
            is_asked = true;
        }
        let now = feed.sampler.now();
        let is_due = now >= next && !is_paused;
        if is_due {
            feed.look_at_processes()?;
            next = now + feed.interval;
        }
        if is_due || is_asked {
            terminal.draw(|frame| draw(frame, &feed.state, is_paused))?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_of_the_help() {
        let of = |code, modifiers| wish(KeyEvent::new(code, modifiers));
        assert_eq!(of(KeyCode::Char('q'), KeyModifiers::NONE), Some(Wish::End));
        assert_eq!(of(KeyCode::Esc, KeyModifiers::NONE), Some(Wish::End));
        assert_eq!(
            of(KeyCode::Char('c'), KeyModifiers::CONTROL),
            Some(Wish::End)
        );
        assert_eq!(of(KeyCode::Char('c'), KeyModifiers::NONE), None);
        assert_eq!(
            of(KeyCode::Char('p'), KeyModifiers::NONE),
            Some(Wish::Pause)
        );
        assert_eq!(
            of(KeyCode::Char('r'), KeyModifiers::NONE),
            Some(Wish::Reset)
        );
    }
}
