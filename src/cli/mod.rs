//! The command line: every command is a function from its arguments to an [`Exit`].

pub mod check;
pub mod colour;
pub mod demo;
pub mod drain;
pub mod explain;
pub mod health;
pub mod import;
pub mod learn;
pub mod lint;
pub mod load;
pub mod problems;
pub mod reload;
pub mod remote;
pub mod render;
pub mod replay;
pub mod report;
pub mod serve;
pub mod sleep;
pub mod tail;
pub mod test;
mod traffic;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::rules;
use crate::settings::Flag;

/// How a command ended. The numbers are part of the contract with scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: done, and the answer is yes.
    Fine,
    /// 1: done, and the answer is no: problems in a configuration, an unhealthy sidecar.
    No,
    /// 2: could not be done: a file that cannot be read, a port in use.
    CouldNot,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(match exit {
            Exit::Fine => 0,
            Exit::No => 1,
            Exit::CouldNot => 2,
        })
    }
}

/// What was typed.
#[derive(Debug, Parser)]
#[command(name = "candor", version, about, propagate_version = true, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the sidecar; works with flags or environment variables alone
    Serve {
        #[command(flatten)]
        rules: RuleFlags,
        /// Where requests come in [default: 0.0.0.0:8080]
        #[arg(long, value_name = "ADDR")]
        listen: Option<String>,
        /// Where the admin API is, or `off` [default: 127.0.0.1:9901]
        #[arg(long, value_name = "ADDR")]
        admin: Option<String>,
        /// Where Envoy finds its external processor, or `unix:PATH`; without `--listen`, nothing else is served
        #[arg(long, value_name = "ADDR")]
        ext_proc: Option<String>,
    },
    /// Run the sidecar in front of a built-in legacy backend that misbehaves in every known way
    Demo {
        /// Where requests come in
        #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
        listen: String,
        /// Where the admin API is, or `off`
        #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9901")]
        admin: String,
    },
    /// Find every problem in a configuration: exit 0 fine, 1 problems, 2 could not run
    Check {
        #[command(flatten)]
        rules: RuleFlags,
        /// Give advice as well, as `candor lint` does; advice counts as a problem
        #[arg(long)]
        lint: bool,
        /// How problems are printed
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Advise on rules that work, and probably not as meant: exit 0 no advice, 1 some, 2 could not run
    Lint(Box<lint::LintArgs>),
    /// Play cases: exit 0 all hold, 1 one does not, 2 could not run
    Test(Box<test::TestArgs>),
    /// Show what each rule, or each stage of an API, makes of a saved answer, and why
    Explain(Box<ExplainArgs>),
    /// Show what a mapping template makes of a body
    Render(Box<RenderArgs>),
    /// Write an API Gateway definition as a configuration in Candor's own words, and tell what is lost
    Import(ImportArgs),
    /// Tell exchanges of a running sidecar as they come
    Tail(Box<tail::TailArgs>),
    /// Put recorded traffic through the rules and show what changes for clients
    Replay(Box<replay::ReplayArgs>),
    /// Show what rules in shadow mode would have done to captured exchanges
    Report(report::ReportArgs),
    /// Propose rules from recorded traffic, with the cases that prove them
    Learn(learn::LearnArgs),
    /// Ask a running sidecar whether it is ready: exit 0 yes, 1 no, 2 cannot be asked
    Health {
        /// The URL to ask [default: /readyz of the admin API of this environment]
        url: Option<String>,
    },
    /// Have a running sidecar take no more, and wait for what is in flight: exit 0 nothing is, 1 something is, 2 cannot
    /// be asked
    Drain(drain::DrainArgs),
    /// Wait, in images that have no shell
    Sleep {
        /// How long: 250ms, 5s, 1m; a number alone is seconds
        #[arg(value_name = "TIME", value_parser = sleep::duration)]
        time: Duration,
    },
    /// Print the JSON Schema of configuration files
    Schema,
}

/// The flags that give rules, the same for every command that has them.
#[derive(Debug, Clone, Default, Args)]
pub struct RuleFlags {
    /// A configuration file; of several, later ones win
    #[arg(short, long = "config", value_name = "FILE")]
    pub config: Vec<PathBuf>,
    /// The backend, as the upstream named `default`
    #[arg(long, value_name = "URL")]
    pub upstream: Option<String>,
    /// A preset, tried after all other rules
    #[arg(long, value_name = "NAME")]
    pub preset: Vec<String>,
    /// A rule on one line, tried before all others: '$.statusCode:4\d{2} -> 400'
    #[arg(long = "rule", value_name = "WHEN -> STATUS")]
    pub rule: Vec<String>,
    /// An API Gateway definition to carry out: OpenAPI, Swagger, CloudFormation, SAM or serverless.yml
    #[arg(long, value_name = "FILE")]
    pub openapi: Option<String>,
    /// Who answers for a Lambda function of the definition: a URL that speaks the Invoke API
    #[arg(long, value_name = "NAME=URL")]
    pub lambda: Vec<String>,
    /// The stage of the API [default: the last part of its base path, else prod]
    #[arg(long, value_name = "NAME")]
    pub stage: Option<String>,
    /// A stage variable of the API
    #[arg(long, value_name = "NAME=VALUE")]
    pub stage_variable: Vec<String>,
    /// A parameter of the CloudFormation template
    #[arg(long, value_name = "NAME=VALUE")]
    pub parameter: Vec<String>,
}

impl RuleFlags {
    fn flags(&self) -> Vec<(Flag, String)> {
        let one = |flag, value: &Option<String>| value.iter().map(|value| (flag, value.clone())).collect();
        let each = |flag, values: &[String]| values.iter().map(|value| (flag, value.clone())).collect();
        let said: [Vec<(Flag, String)>; 8] = [
            one(Flag::Upstream, &self.upstream),
            each(Flag::Preset, &self.preset),
            each(Flag::Rule, &self.rule),
            one(Flag::Openapi, &self.openapi),
            each(Flag::Lambda, &self.lambda),
            one(Flag::Stage, &self.stage),
            each(Flag::StageVariable, &self.stage_variable),
            each(Flag::Parameter, &self.parameter),
        ];
        said.concat()
    }
}

/// Arguments of `explain`.
#[derive(Debug, Clone, Args)]
pub struct ExplainArgs {
    #[command(flatten)]
    rules: RuleFlags,
    /// The rule set to ask, instead of the one its route has
    #[arg(long, value_name = "NAME")]
    rule_set: Option<String>,
    /// The request's method
    #[arg(long, value_name = "M", default_value = "GET")]
    method: String,
    /// The request's path, perhaps with a query
    #[arg(long, value_name = "P", default_value = "/")]
    path: String,
    /// A header of the request
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    header: Vec<String>,
    /// The request's body, or `-` for standard input [default: an empty one]
    #[arg(long, value_name = "FILE")]
    body: Option<PathBuf>,
    /// The backend of an API does not answer, for this reason
    #[arg(long, value_enum, value_name = "WHY", conflicts_with = "answer")]
    failure: Option<FailureArg>,
    /// How the explanation is printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// A saved answer (what `curl -i` prints), or `-` for standard input; a mock integration needs none
    answer: Option<PathBuf>,
}

/// Why a backend does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FailureArg {
    /// It took too long.
    Timeout,
    /// It could not be reached, or broke off.
    Refused,
    /// There is no such address.
    InvalidAddress,
    /// Its answer is larger than an answer may be.
    TooLarge,
    /// It has no room for another call.
    Busy,
}

/// Arguments of `render`.
#[derive(Debug, Clone, Args)]
pub struct RenderArgs {
    /// The template, or `-` for standard input
    #[arg(required_unless_present = "batch")]
    template: Option<PathBuf>,
    /// The body that `$input` reads, or `-` for standard input [default: an empty one]
    #[arg(long, value_name = "FILE")]
    body: Option<PathBuf>,
    /// A parameter of the query string; `path.K=V` and `header.K=V` are those of the path and the headers
    #[arg(long, value_name = "K=V", value_parser = render::given::param)]
    param: Vec<render::given::Param>,
    /// A JSON object with what `$context` holds, or `-` for standard input
    #[arg(long, value_name = "FILE")]
    context: Option<PathBuf>,
    /// A variable of `$stageVariables`
    #[arg(long, value_name = "K=V", value_parser = render::given::pair)]
    stage_variable: Vec<(String, String)>,
    /// Allow what API Gateway does not have: `$util.toJson`, and header names in any case
    #[arg(long)]
    native: bool,
    /// Tell every reference with the value it had
    #[arg(long)]
    explain: bool,
    /// Answer JSON Lines, `{id, template, inputs}`, on standard input with one line each
    #[arg(long, conflicts_with_all = ["template", "body", "param", "context", "stage_variable", "explain"])]
    batch: bool,
}

/// Arguments of `import`.
#[derive(Debug, Clone, Args)]
pub struct ImportArgs {
    /// The definition (OpenAPI, Swagger, CloudFormation, SAM or serverless.yml), or `-` for standard input
    definition: PathBuf,
    /// Where the configuration is written [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace the file if it is there
    #[arg(long, requires = "output")]
    force: bool,
    /// Exit 1 unless everything is carried over exactly
    #[arg(long)]
    check: bool,
    /// The stage of the API [default: the last part of its base path, else prod]
    #[arg(long, value_name = "NAME")]
    stage: Option<String>,
    /// A stage variable of the API
    #[arg(long, value_name = "NAME=VALUE", value_parser = render::given::pair)]
    stage_variable: Vec<(String, String)>,
    /// A parameter of the CloudFormation template
    #[arg(long, value_name = "NAME=VALUE", value_parser = render::given::pair)]
    parameter: Vec<(String, String)>,
    /// Which API of a CloudFormation template that has several, by its logical id
    #[arg(long, value_name = "ID")]
    resource: Option<String>,
    /// How the report on standard error is printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// How a result is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Human,
    /// For programs.
    Json,
}

/// Runs the command that was typed.
pub fn run() -> ExitCode {
    let exit = match Cli::parse().command {
        Command::Serve { rules, listen, admin, ext_proc } => {
            serve::run(&load::Options::new(&rules, listen, admin).with_ext_proc(ext_proc))
        }
        Command::Demo { listen, admin } => demo::run(listen, admin),
        Command::Check { rules, lint, format } => {
            check::run(&load::Options::new(&rules, None, None), lint, format)
        }
        Command::Lint(arguments) => lint::run(&arguments),
        Command::Test(arguments) => test::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Import(arguments) => import::run(&arguments),
        Command::Render(arguments) => render::run(&arguments),
        Command::Tail(arguments) => tail::run(&arguments),
        Command::Replay(arguments) => replay::run(&arguments),
        Command::Report(arguments) => report::run(&arguments),
        Command::Learn(arguments) => learn::run(&arguments),
        Command::Health { url } => return health_command(url.as_deref()),
        Command::Drain(arguments) => drain::run(&arguments),
        Command::Sleep { time } => sleep::run(time),
        Command::Schema => {
            print!("{}", rules::schema());
            Exit::Fine
        }
    };
    exit.into()
}

/// A number with its noun.
fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// Asks the admin API that `serve` would have, given the same environment.
fn health_command(url: Option<&str>) -> ExitCode {
    let admin = load::admin_address();
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => ExitCode::from(runtime.block_on(health::run(url, admin)).code()),
        Err(error) => {
            eprintln!("error: {error}");
            Exit::CouldNot.into()
        }
    }
}
