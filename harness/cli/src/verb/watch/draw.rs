//! One picture of the state.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::symbols::Marker;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Axis, Block, Chart, Dataset, GraphType, Paragraph};

use metering::validity::ClockReason;
use model::units::Seconds;

use crate::verb::measure::quantity::scaled;

use super::state::{Snapshot, State};

/// Below this a chart shows nothing.
const SMALLEST_CHART: Rect = Rect {
    x: 0,
    y: 0,
    width: 40,
    height: 14,
};
/// Lines of the facts below the chart.
const FACTS: u16 = 6;

/// Draws a picture into whatever room there is.
pub(super) fn draw(frame: &mut Frame<'_>, state: &State, is_paused: bool) {
    let area = frame.area();
    let Some(snapshot) = state.snapshot() else {
        frame.render_widget(Paragraph::new("the first reading is on its way"), area);
        return;
    };
    if area.width < SMALLEST_CHART.width || area.height < SMALLEST_CHART.height {
        frame.render_widget(Paragraph::new(small(state, &snapshot, is_paused)), area);
        return;
    }
    let [head, chart, facts, keys] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Min(6),
        Constraint::Length(FACTS + 2),
        Constraint::Length(1),
    ])
    .areas(area);
    frame.render_widget(title(state, &snapshot, is_paused), head);
    draw_power(frame, chart, state, &snapshot);
    let [left, right] =
        Layout::horizontal([Constraint::Percentage(50), Constraint::Percentage(50)]).areas(facts);
    frame.render_widget(
        Paragraph::new(board(state, &snapshot)).block(Block::bordered().title(" device ")),
        left,
    );
    frame.render_widget(
        Paragraph::new(energy(state, &snapshot)).block(Block::bordered().title(" energy ")),
        right,
    );
    frame.render_widget(
        Line::from(" q end   p pause   r count energy anew")
            .style(Style::new().fg(Color::DarkGray)),
        keys,
    );
}

fn title<'a>(state: &'a State, snapshot: &Snapshot, is_paused: bool) -> Line<'a> {
    let clock = format!("  {:.0} s", snapshot.time_s);
    let mut spans = vec![
        Span::styled(
            format!(" {}", state.title),
            Style::new().add_modifier(Modifier::BOLD),
        ),
        Span::raw(clock),
    ];
    if is_paused {
        spans.push(Span::styled("  paused", Style::new().fg(Color::Yellow)));
    }
    Line::from(spans)
}

fn draw_power(frame: &mut Frame<'_>, area: Rect, state: &State, snapshot: &Snapshot) {
    let now = state.history().last().map(|point| point.at);
    let points: Vec<(f64, f64)> = state
        .history()
        .filter_map(|point| {
            Some((
                -Seconds::from(now?.saturating_sub(point.at)).get(),
                point.power_w,
            ))
        })
        .collect();
    if points.is_empty() {
        let hint = " the rest is shown; joulebench doctor says what this machine can measure";
        frame.render_widget(
            Paragraph::new(hint).block(Block::bordered().title(power_title(snapshot))),
            area,
        );
        return;
    }
    let span_s = points.first().map_or(10.0, |(ago, _)| nice(-ago)).max(10.0);
    let highest = points.iter().map(|(_, power)| *power).fold(1.0, f64::max);
    let top = nice(highest * 1.05);
    let limit: Vec<(f64, f64)> = state
        .power_limit_w
        .filter(|limit| *limit <= top)
        .map(|limit| vec![(-span_s, limit), (0.0, limit)])
        .unwrap_or_default();
    let line = |data, color| {
        Dataset::default()
            .marker(Marker::Braille)
            .graph_type(GraphType::Line)
            .style(Style::new().fg(color))
            .data(data)
    };
    let chart = Chart::new(vec![line(&limit, Color::Red), line(&points, Color::Green)])
        .block(Block::bordered().title(power_title(snapshot)))
        .x_axis(
            Axis::default()
                .bounds([-span_s, 0.0])
                .labels([format!("-{span_s:.0} s"), "now".to_owned()]),
        )
        .y_axis(Axis::default().bounds([0.0, top]).labels([
            "0".to_owned(),
            format!("{:.0}", top / 2.0),
            format!("{top:.0} W"),
        ]));
    frame.render_widget(chart, area);
}

fn power_title(snapshot: &Snapshot) -> String {
    match (snapshot.power_w, snapshot.absence) {
        (Some(power_w), _) => format!(" power {power_w:.1} W "),
        (None, Some(reason)) => format!(" power absent: {} ", reason.description()),
        (None, None) => " power ".to_owned(),
    }
}

/// The next of 1, 1.5, 2, 3, 4, 5, 6, 8 and 10 times a power of ten.
fn nice(value: f64) -> f64 {
    let magnitude = power_of_ten_below(value);
    [1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0]
        .into_iter()
        .map(|step| step * magnitude)
        .find(|step| *step >= value)
        .unwrap_or(value)
}

fn power_of_ten_below(value: f64) -> f64 {
    let mut magnitude = 1.0;
    while magnitude * 10.0 <= value {
        magnitude *= 10.0;
    }
    magnitude
}

fn board(state: &State, snapshot: &Snapshot) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    if let Some(clock) = snapshot.sm_clock_mhz {
        let most = state
            .max_clock_mhz
            .map(|most| format!(" of {most}"))
            .unwrap_or_default();
        lines.push(fact("core clock", format!("{clock}{most} MHz")));
    }
    if let Some(clock) = snapshot.memory_clock_mhz {
        lines.push(fact("memory clock", format!("{clock} MHz")));
    }
    if let Some(celsius) = snapshot.temperature_c {
        lines.push(fact("temperature", format!("{celsius} °C")));
    }
    if let Some(reasons) = &snapshot.reasons {
        lines.push(reasons_line(reasons));
    }
    if let (Some(sm), Some(dram)) = (snapshot.sm_util_pct, snapshot.dram_util_pct) {
        lines.push(fact("busy", format!("cores {sm:.0} %, memory {dram:.0} %")));
    }
    if let Some(processes) = snapshot.processes {
        lines.push(fact("processes", processes.to_string()));
    }
    if lines.is_empty() {
        lines.push(Line::from(" no clock, no temperature"));
    }
    lines
}

fn reasons_line(reasons: &[ClockReason]) -> Line<'static> {
    if reasons.is_empty() {
        return fact("held down by", "nothing".to_owned());
    }
    let words: Vec<&str> = reasons.iter().map(|reason| reason.words()).collect();
    let line = fact("held down by", words.join(", "));
    if reasons.iter().any(|reason| reason.is_throttling()) {
        line.style(Style::new().fg(Color::Yellow))
    } else {
        line
    }
}

fn energy(state: &State, snapshot: &Snapshot) -> Vec<Line<'static>> {
    let Some(energy_j) = snapshot.energy_j else {
        let why = match snapshot.absence {
            Some(reason) => format!(" absent ({})", reason.code()),
            None => " not read yet".to_owned(),
        };
        return vec![Line::from(why)];
    };
    let mut lines = vec![
        fact("counted", scaled(energy_j, "J")),
        fact("since", format!("{:.0} s", snapshot.energy_time_s)),
    ];
    if snapshot.energy_time_s > 0.0 {
        lines.push(fact(
            "mean power",
            scaled(energy_j / snapshot.energy_time_s, "W"),
        ));
    }
    if let Some(peak_w) = state.peak_w() {
        lines.push(fact("peak power", scaled(peak_w, "W")));
    }
    if let Some(limit_w) = state.power_limit_w {
        lines.push(fact("power limit", scaled(limit_w, "W")));
    }
    if let Some(ratio) = snapshot.integral_to_counter {
        let by = (ratio - 1.0) * 100.0;
        lines.push(fact("integral", format!("{by:+.1} % of the counter")));
    }
    lines
}

fn fact(name: &'static str, value: String) -> Line<'static> {
    Line::from(vec![
        Span::styled(format!(" {name:<13}"), Style::new().fg(Color::DarkGray)),
        Span::raw(value),
    ])
}

/// As many facts as fit, the most important first.
fn small(state: &State, snapshot: &Snapshot, is_paused: bool) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    let power = match (snapshot.power_w, snapshot.absence) {
        (Some(power_w), _) => format!("{power_w:.1} W"),
        (None, Some(reason)) => format!("absent ({})", reason.code()),
        (None, None) => "not read yet".to_owned(),
    };
    lines.push(fact(
        if is_paused { "power, paused" } else { "power" },
        power,
    ));
    lines.extend(energy(state, snapshot).into_iter().take(1));
    lines.extend(board(state, snapshot));
    lines
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::super::state::tests::{busy_state, processor_without_energy};
    use super::*;

    fn picture(state: &State, width: u16, height: u16, is_paused: bool) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal
            .draw(|frame| draw(frame, state, is_paused))
            .unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn a_busy_gpu_at_80_by_24() {
        insta::assert_snapshot!(picture(&busy_state(), 80, 24, false));
    }

    #[test]
    fn a_busy_gpu_at_120_by_40_paused() {
        insta::assert_snapshot!(picture(&busy_state(), 120, 40, true));
    }

    #[test]
    fn a_small_terminal_has_the_facts_only() {
        insta::assert_snapshot!(picture(&busy_state(), 36, 6, false));
    }

    #[test]
    fn a_processor_without_energy_says_why() {
        insta::assert_snapshot!(picture(&processor_without_energy(), 80, 24, false));
    }

    #[test]
    fn no_room_at_all_is_no_panic() {
        for (width, height) in [(1, 1), (3, 40), (200, 1), (40, 14)] {
            picture(&busy_state(), width, height, false);
        }
    }

    #[test]
    fn axes_end_at_round_numbers() {
        let ends = [0.3, 7.0, 73.0, 101.0, 740.0].map(|value| format!("{:.1}", nice(value)));
        assert_eq!(ends, ["1.0", "8.0", "80.0", "150.0", "800.0"]);
    }
}
