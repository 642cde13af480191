//! Runs feature files and judges what happened: every scenario becomes one
//! [`Case`].
//!
//! The test engine tolerates steps that nobody defined; this judge does not. A scenario passes when
//! every step of it ran and passed, and the look afterwards found nothing.

use std::any::Any;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use clap::Args;
use cucumber::event::{
    Cucumber, Feature, Hook, HookType, RetryableScenario, Rule, Scenario, Source, Step, StepError,
};
use cucumber::gherkin;
use cucumber::gherkin::tagexpr::TagOperation;
use cucumber::tag::Ext as _;
use cucumber::{Event, Parser as _, World as _, Writer, cli, parser, writer};
use futures_util::StreamExt as _;
use regex::Regex;
use sim_kit::clock::Stopwatch;

use crate::outcome::{Case, Finding, Outcome, RunResult, Stop};
use crate::redact::Output;
use crate::world::{Judgement, World};

/// Scenarios that run side by side.
const CONCURRENT_MAX: usize = 8;

/// Which scenarios run. Everything that is given must fit.
#[derive(Args, Clone, Debug, Default)]
pub struct Selection {
    /// Tag expression, such as '@DT-1 or @DT-2'
    #[arg(long, value_name = "EXPR")]
    pub tags: Option<TagOperation>,
    /// Regular expression for the scenario's name
    #[arg(long, value_name = "RE")]
    pub name: Option<Regex>,
}

impl Selection {
    fn fits(&self, feature: &gherkin::Feature, scenario: &gherkin::Scenario) -> bool {
        let tags = feature.tags.iter().chain(&scenario.tags);
        self.tags
            .as_ref()
            .is_none_or(|expression| expression.eval(tags))
            && self
                .name
                .as_ref()
                .is_none_or(|name| name.is_match(&scenario.name))
    }
}

/// A scenario that could run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The feature it belongs to.
    pub feature: String,
    /// Its name.
    pub name: String,
    /// Requirement ids that it proves.
    pub requirements: Vec<String>,
}

/// The selected scenarios of every `.feature` file at or under `path`.
///
/// # Errors
/// When a file cannot be read or is not Gherkin.
pub async fn list(path: &Path, selection: &Selection) -> Result<Vec<Listed>, parser::Error> {
    let mut features = parser::Basic::new().parse(path, parser::basic::Cli::default());
    let mut listed = Vec::new();
    while let Some(feature) = features.next().await {
        let feature = feature?;
        let fitting = feature
            .scenarios
            .iter()
            .filter(|one| selection.fits(&feature, one));
        listed.extend(fitting.map(|scenario| Listed {
            feature: feature.name.clone(),
            name: scenario.name.clone(),
            requirements: requirements(scenario),
        }));
    }
    Ok(listed)
}

/// Tags that are requirement ids.
fn requirements(scenario: &gherkin::Scenario) -> Vec<String> {
    scenario
        .tags
        .iter()
        .filter(|tag| tag.contains('-'))
        .cloned()
        .collect()
}

/// Runs the selected scenarios of every `.feature` file at or under `path`, and tells each verdict
/// as it is known.
pub async fn run(path: &Path, selection: Selection, seed: u64, output: Arc<Output>) -> RunResult {
    let collector = cucumber::Cucumber::<_, _, _, _, _, cli::Empty>::custom(
        parser::Basic::new(),
        cucumber::runner::Basic::default(),
        Collector::new(output),
    )
    .steps(World::collection())
    .max_concurrent_scenarios(CONCURRENT_MAX)
    .after(|_, _, _, _, world| {
        Box::pin(async move {
            if let Some(world) = world {
                world.finish().await;
            }
        })
    })
    .with_cli(cli::Opts::<_, _, _, cli::Empty>::default())
    .filter_run(path, move |feature, _, scenario| {
        selection.fits(feature, scenario)
    })
    .await;
    collector.into_result(path, seed)
}

/// Collects verdicts from the test engine's events.
struct Collector {
    output: Arc<Output>,
    running: HashMap<Source<gherkin::Scenario>, Running>,
    cases: Vec<(String, usize, Case)>,
    stop: Option<Stop>,
}

struct Running {
    since: Stopwatch,
    outcome: Outcome,
    findings: Vec<Finding>,
    steps: usize,
}

impl Collector {
    fn new(output: Arc<Output>) -> Self {
        Self {
            output,
            running: HashMap::new(),
            cases: Vec::new(),
            stop: None,
        }
    }

    fn into_result(mut self, path: &Path, seed: u64) -> RunResult {
        self.cases.sort_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
        RunResult {
            title: path.display().to_string(),
            seed,
            cases: self.cases.into_iter().map(|(_, _, case)| case).collect(),
            stop: self.stop,
        }
    }

    fn scenario(
        &mut self,
        feature: &gherkin::Feature,
        scenario: &Source<gherkin::Scenario>,
        event: Scenario<World>,
    ) {
        let running = self
            .running
            .entry(scenario.clone())
            .or_insert_with(|| Running {
                since: Stopwatch::start(),
                outcome: Outcome::Pass,
                findings: Vec::new(),
                steps: 0,
            });
        match event {
            Scenario::Step(step, event) => {
                running.steps += 1;
                running.step(&step, &event);
            }
            Scenario::Background(step, event) => running.step(&step, &event),
            Scenario::Hook(kind, Hook::Failed(_, info)) => {
                let place = match kind {
                    HookType::Before => "before the first step",
                    HookType::After => "in the look afterwards",
                };
                running.blame(place, &info);
            }
            Scenario::Finished => self.finished(feature, scenario),
            Scenario::Started | Scenario::Hook(..) | Scenario::Log(_) => {}
        }
    }

    fn finished(&mut self, feature: &gherkin::Feature, scenario: &Source<gherkin::Scenario>) {
        let Some(mut running) = self.running.remove(scenario) else {
            return;
        };
        if running.steps == 0 {
            let detail = "the scenario has no steps".to_owned();
            running.add(Outcome::Fail, "Nothing was checked.".to_owned(), detail);
        }
        let case = Case {
            feature: feature.name.clone(),
            name: scenario.name.clone(),
            requirements: requirements(scenario),
            outcome: running.outcome,
            elapsed: std::time::Duration::from_micros(running.since.elapsed_us()),
            findings: running.findings,
        };
        if running.outcome == Outcome::Pass {
            self.output
                .say(&format!("ok    {}: {}", case.feature, case.name));
        } else {
            self.output.say(&format!(
                "{:5} {}: {}",
                case.outcome.word(),
                case.feature,
                case.name
            ));
        }
        let file = feature
            .path
            .as_ref()
            .map_or_else(String::new, |p| p.display().to_string());
        self.cases.push((file, scenario.position.line, case));
    }
}

impl Running {
    fn step(&mut self, step: &gherkin::Step, event: &Step<World>) {
        let text = format!("{}{}", step.keyword, step.value);
        match event {
            Step::Started | Step::Passed(..) => {}
            Step::Skipped | Step::Failed(.., StepError::NotFound) => {
                let detail = format!("no step definition fits `{text}`");
                self.add(Outcome::Fail, "A step is undefined.".to_owned(), detail);
            }
            Step::Failed(.., StepError::AmbiguousMatch(_)) => {
                let detail = format!("several step definitions fit `{text}`");
                self.add(Outcome::Engine, "A step is ambiguous.".to_owned(), detail);
            }
            Step::Failed(.., StepError::Panic(info)) => self.blame(&format!("`{text}`"), info),
        }
    }

    /// A step or a hook panicked. What it said decides whether the subject or the lab is at fault.
    fn blame(&mut self, place: &str, info: &Arc<dyn Any + Send>) {
        let (outcome, plain, detail) = match info.downcast_ref::<Judgement>() {
            Some(Judgement::Engine(text)) => {
                (Outcome::Engine, "The lab itself went wrong.", text.clone())
            }
            Some(Judgement::Leak(text)) => (
                Outcome::Fail,
                "A planted secret was written down.",
                text.clone(),
            ),
            Some(Judgement::Failed(text)) => (
                Outcome::Fail,
                "It did not happen as required.",
                text.clone(),
            ),
            None => (
                Outcome::Fail,
                "It did not happen as required.",
                said(info.as_ref()),
            ),
        };
        self.add(outcome, plain.to_owned(), format!("{place}: {detail}"));
    }

    fn add(&mut self, outcome: Outcome, plain: String, detail: String) {
        let next = match outcome {
            Outcome::Engine => {
                "Mend what the message names, or else report it to the lab's maintainers."
            }
            _ => "Compare the step with the journal (whoever changed the subject last).",
        };
        self.outcome = self.outcome.max(outcome);
        self.findings.push(Finding {
            plain,
            detail,
            next: next.to_owned(),
        });
    }
}

/// The text of a panic.
fn said(info: &(dyn Any + Send)) -> String {
    let text = info.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| info.downcast_ref::<&str>().copied())
        .unwrap_or("panicked without a message")
        .to_owned()
}

impl Writer<World> for Collector {
    type Cli = cli::Empty;

    async fn handle_event(&mut self, event: parser::Result<Event<Cucumber<World>>>, _: &Self::Cli) {
        let (feature, scenario, event) = match event.map(|event| event.value) {
            Err(error) => {
                let case = unreadable(&error.to_string());
                self.output
                    .say(&format!("{:5} {}", case.outcome.word(), case.name));
                return self.cases.push((String::new(), 0, case));
            }
            Ok(Cucumber::Feature(
                feature,
                Feature::Scenario(scenario, RetryableScenario { event, .. })
                | Feature::Rule(_, Rule::Scenario(scenario, RetryableScenario { event, .. })),
            )) => (feature, scenario, event),
            Ok(_) => return,
        };
        if let Scenario::Hook(_, Hook::Failed(_, info)) = &event
            && matches!(info.downcast_ref(), Some(Judgement::Leak(_)))
        {
            self.stop = Some(Stop::Leak);
        }
        self.scenario(&feature, &scenario, event);
    }
}

impl writer::Normalized for Collector {}

/// A feature file that cannot be read judges nothing, so it must not pass.
fn unreadable(error: &str) -> Case {
    Case {
        feature: "feature files".to_owned(),
        name: "every file can be read".to_owned(),
        requirements: Vec::new(),
        outcome: Outcome::Config,
        elapsed: std::time::Duration::ZERO,
        findings: vec![Finding {
            plain: "A feature file cannot be read.".to_owned(),
            detail: error.to_owned(),
            next: "Mend the file (its author).".to_owned(),
        }],
    }
}
