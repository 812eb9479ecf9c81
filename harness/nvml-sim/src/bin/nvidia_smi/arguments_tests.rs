//! Command lines as clients write them.

use super::*;

fn read(line: &str) -> Result<Request, Refusal> {
    let arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    parse(&arguments)
}

fn good(line: &str) -> Request {
    read(line).unwrap_or_else(|refusal| panic!("{line}: {}", refusal.text))
}

fn refused(line: &str) -> Refusal {
    read(line).expect_err(line)
}

#[test]
fn the_predecessors_sampler_is_understood() {
    let request = good(
        "--query-gpu=timestamp,index,name,power.draw,power.limit,temperature.gpu,utilization.gpu,\
         utilization.memory,memory.total,memory.free,memory.used,clocks.sm,clocks.mem,clocks.gr,\
         clocks.applications.graphics,clocks.applications.memory,pstate \
         --format=csv,noheader,nounits --loop-ms=50",
    );
    assert_eq!(request.every, Some(Duration::from_millis(50)));
    let Action::Query {
        query,
        fields,
        format,
    } = request.action
    else {
        panic!("a query");
    };
    assert_eq!(query, Query::Gpu);
    assert_eq!(fields.len(), 17);
    assert!(!format.header && !format.units);
}

#[test]
fn a_value_may_stand_behind_an_equals_sign_or_a_blank() {
    let expected = good("--query-gpu=name --format=csv -i 1 -lms 50 -f out.csv");
    assert_eq!(
        good("--query-gpu name --format csv --id=1 --loop-ms 50 --filename=out.csv"),
        expected
    );
    assert_eq!(expected.targets, ["1"]);
    assert_eq!(expected.file, Some("out.csv".into()));
}

#[test]
fn a_loop_without_a_number_waits_five_seconds() {
    assert_eq!(good("-l").every, Some(Duration::from_secs(5)));
    assert_eq!(good("-l 2").every, Some(Duration::from_secs(2)));
    assert_eq!(good("-l -q").every, Some(Duration::from_secs(5)));
    assert_eq!(good("--loop=3").every, Some(Duration::from_secs(3)));
}

#[test]
fn without_arguments_it_is_the_table() {
    let request = good("");
    assert_eq!(request.action, Action::Table);
    assert_eq!(good("-i 0,1").targets, ["0", "1"]);
}

#[test]
fn sections_of_the_log_are_chosen_by_word() {
    assert_eq!(
        good("-q -d CLOCK,power").action,
        Action::Log(vec![Section::Clock, Section::Power])
    );
    assert_eq!(good("-q").action, Action::Log(Vec::new()));
    let refusal = refused("-q -d FOO");
    assert_eq!(refusal.text, "Failed to parse --display/-d flags\n");
    assert_eq!(refusal.exit_code, 2);
}

#[test]
fn settings_are_read_with_short_and_long_names() {
    let lock = Setting::LockGraphicsClocks {
        min_mhz: 1200,
        max_mhz: 1200,
    };
    for line in ["-lgc 1200,1200", "-lgc 1200", "--lock-gpu-clocks=1200,1200"] {
        assert_eq!(good(line).action, Action::Set(vec![lock]), "{line}");
    }
    assert_eq!(
        good("-ac 877,1380 -i 0").action,
        Action::Set(vec![Setting::ApplicationClocks {
            memory_mhz: 877,
            graphics_mhz: 1380
        }])
    );
    assert_eq!(
        good("-rgc -rmc -rac -pm 1 -pl 187.5 -lmc 877 -eow").action,
        Action::Set(vec![
            Setting::ResetGraphicsClocks,
            Setting::ResetMemoryClocks,
            Setting::ResetApplicationClocks,
            Setting::Persistence(true),
            Setting::PowerLimit {
                milliwatts: 187_500
            },
            Setting::LockMemoryClocks {
                min_mhz: 877,
                max_mhz: 877
            },
        ])
    );
    assert!(good("-pm 1 -eow").warnings_are_errors);
}

#[test]
fn wrong_settings_are_refused_with_two() {
    for line in [
        "-lgc 1300,1200",
        "-lgc fast",
        "-ac 877",
        "-pl none",
        "-pm maybe",
        "-pm 1 -q",
        "-pm 1 -l 2",
        "-lms x --query-gpu=name",
        "-lms 0 --query-gpu=name",
    ] {
        assert_eq!(refused(line).exit_code, 2, "{line}");
    }
}

#[test]
fn an_unknown_field_is_named_as_the_real_tool_names_it() {
    let refusal = refused("--query-gpu=name,foo,bar --format=csv");
    assert_eq!(
        refusal.text,
        "Field \"foo\" is not a valid field to query.\n\n"
    );
    assert_eq!(refusal.exit_code, 2);
    assert_eq!(refused("--query-compute-apps=power.draw").exit_code, 2);
}

#[test]
fn an_unknown_option_ends_with_255() {
    let refusal = refused("-lgc");
    assert_eq!(
        refusal.text,
        "ERROR: Option -lgc is missing its value. Please run 'nvidia-smi -h' for help.\n\n"
    );
    assert_eq!(refusal.exit_code, 255);
    for option in ["--foo", "foo", "-x", "topo"] {
        let refusal = refused(option);
        assert_eq!(refusal.exit_code, 255);
        assert_eq!(
            refusal.text,
            format!("ERROR: Option {option} is not recognized. Please run 'nvidia-smi -h'.\n\n")
        );
    }
}

#[test]
fn options_that_do_not_fit_together_are_refused() {
    assert_eq!(
        refused("-L -i 0").text,
        "ERROR: Option -i is not valid for this command. Please run 'nvidia-smi -h' for help.\n\n"
    );
    for line in ["-L -q", "-d CLOCK", "--format=csv", "-L -l 1", "-L -f x"] {
        assert_eq!(refused(line).exit_code, 2, "{line}");
    }
    assert_eq!(
        refused("--query-gpu=name --format=foo").text,
        "Format modifier is not recognized.\n"
    );
}

#[test]
fn the_monitors_take_their_own_options() {
    let request = good("dmon -i 0 -d 2 -c 3 -s pc -o DT");
    assert_eq!(request.targets, ["0"]);
    assert_eq!(request.every, Some(Duration::from_secs(2)));
    assert_eq!(request.count, Some(3));
    let mut options = dmon::Options::default();
    options.select("pc").expect("known letters");
    options.show("DT").expect("known letters");
    assert_eq!(request.action, Action::Monitor(options));
    assert_eq!(good("pmon -c 1").action, Action::ProcessMonitor);
    assert_eq!(good("dmon -h").action, Action::Help);
    assert_eq!(refused("dmon -s q").exit_code, 255);
    assert_eq!(refused("dmon -o X").exit_code, 255);
    assert_eq!(refused("pmon -s x").exit_code, 255);
}

#[test]
fn helps_and_version_are_found() {
    assert_eq!(good("-h").action, Action::Help);
    assert_eq!(good("--version").action, Action::Version);
    assert_eq!(good("-L").action, Action::List);
    assert_eq!(
        good("--help-query-gpu").action,
        Action::QueryHelp(Query::Gpu)
    );
}
