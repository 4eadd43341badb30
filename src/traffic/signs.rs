//! What speaks of an error in the body of an answer that says it went well: fields by names that backends give them,
//! and words. One sign is no proof; [`learn`](super::learn) weighs them over many answers.

use std::sync::LazyLock;

use regex::{Regex, RegexBuilder};

use super::traits::{Field, Form, Traits};

/// A field whose name says what its value means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sign {
    /// Its path.
    pub path: String,
    /// What its name makes of it.
    pub role: Role,
    /// Its value.
    pub field: Field,
}

/// What a field is for, as its name and type have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// The fault of a SOAP answer.
    Fault,
    /// `success`, `ok`: whether it went well.
    Flag {
        /// Its value when it did.
        good: bool,
    },
    /// `error`, `exception`: there is something in it when it did not.
    Error,
    /// `statusCode`, `errno`: a number that says how it went.
    Number,
    /// `status`, `result`: a word that says so.
    Word,
    /// `code`, `errorCode` in letters.
    Name,
    /// `message`, `text`: words for people, which complain.
    Message,
}

const FLAGS_GOOD: [&str; 7] =
    ["ok", "success", "successful", "succeeded", "issuccess", "issuccessful", "isok"];
const FLAGS_BAD: [&str; 8] =
    ["error", "iserror", "haserror", "haserrors", "failed", "failure", "isfailure", "isfault"];
const NUMBERS: [&str; 21] = [
    "status",
    "statuscode",
    "httpstatus",
    "httpstatuscode",
    "httpcode",
    "code",
    "errorcode",
    "errcode",
    "errno",
    "responsecode",
    "responsestatus",
    "returncode",
    "retcode",
    "ret",
    "rc",
    "resultcode",
    "result",
    "error",
    "err",
    "returnvalue",
    "respcode",
];
const ERRORS: [&str; 17] = [
    "error",
    "errors",
    "err",
    "exception",
    "fault",
    "errormessage",
    "errormsg",
    "errmsg",
    "errordescription",
    "errordetail",
    "errordetails",
    "errortype",
    "exceptiontype",
    "exceptionmessage",
    "stacktrace",
    "faultstring",
    "faultcode",
];
const WORDS: [&str; 8] =
    ["status", "state", "result", "outcome", "ack", "resultstatus", "responsestatus", "returnstatus"];
const NAMES: [&str; 7] =
    ["code", "errorcode", "errcode", "resultcode", "responsecode", "returncode", "respcode"];
const MESSAGES: [&str; 12] = [
    "message",
    "msg",
    "text",
    "detail",
    "details",
    "description",
    "reason",
    "info",
    "title",
    "errormessage",
    "errmsg",
    "faultstring",
];

/// Values of `status` and the like that say that it did not go well.
const BAD_WORDS: [&str; 14] = [
    "error",
    "err",
    "fail",
    "failure",
    "failed",
    "nok",
    "ko",
    "ng",
    "exception",
    "fatal",
    "fault",
    "notok",
    "unsuccessful",
    "failurewithwarning",
];
/// Texts in `error` that say that there is none.
const NO_ERROR: [&str; 10] = ["", "0", "no", "none", "ok", "null", "false", "success", "noerror", "nil"];

/// Lower case, letters and digits.
fn plain(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
}

/// The name that a path ends with, and how many names it has.
fn last_name(path: &str) -> (String, usize) {
    let steps: Vec<&str> = path
        .split(['.', '/', '['])
        .map(|step| step.trim_end_matches(']').trim_matches('"'))
        .filter(|step| !step.is_empty() && *step != "$" && step.parse::<usize>().is_err())
        .collect();
    (steps.last().map(|name| plain(name)).unwrap_or_default(), steps.len())
}

/// Whether a path leads into a list of data, whose items are not what the answer as a whole says.
fn is_in_a_list(path: &str) -> bool {
    let inside = path.strip_prefix("$[0]").unwrap_or(path);
    inside.contains("[0]") && !plain(inside.split("[0]").next().unwrap_or_default()).ends_with("errors")
}

/// The fields of an answer that may say how it went.
pub fn signs(traits: &Traits) -> Vec<Sign> {
    let sign = |(path, field): (&String, &Field)| {
        let (name, depth) = last_name(path);
        let depth_max = if traits.form == Form::Xml { 5 } else { 4 };
        if depth == 0 || depth > depth_max || is_in_a_list(path) {
            return None;
        }
        let role = role(&name, field, traits.form)?;
        // What is said deep inside is said of something else: an order, a job.
        let is_of_all = matches!(role, Role::Word | Role::Message);
        if is_of_all && depth > if traits.form == Form::Xml { 2 } else { 1 } {
            return None;
        }
        let field = match (role, complaint(&field.text())) {
            // What counts are the words that complain; the rest tells of one case.
            (Role::Message, Some(words)) => Field::Text(words.to_owned()),
            _ => field.clone(),
        };
        Some(Sign { path: path.clone(), role, field })
    };
    traits.fields.iter().filter_map(sign).collect()
}

fn role(name: &str, field: &Field, form: Form) -> Option<Role> {
    if form == Form::Xml && name == "fault" {
        return Some(Role::Fault);
    }
    let is = |names: &[&str]| names.contains(&name);
    match field {
        Field::Bool(_) if is(&FLAGS_GOOD) => Some(Role::Flag { good: true }),
        Field::Bool(_) if is(&FLAGS_BAD) => Some(Role::Flag { good: false }),
        Field::Text(text) if is(&FLAGS_GOOD) && ["true", "false"].contains(&text.as_str()) => {
            Some(Role::Flag { good: true })
        }
        Field::Number(number) if is(&FLAGS_GOOD) && ["0", "1"].contains(&number.as_str()) => {
            Some(Role::Flag { good: true })
        }
        Field::Number(_) if is(&NUMBERS) => Some(Role::Number),
        Field::Text(text) if is(&NUMBERS) && number(text).is_some() => Some(Role::Number),
        Field::Text(_) if is(&ERRORS) => Some(Role::Error),
        Field::Text(_) if is(&NAMES) => Some(Role::Name),
        Field::Text(_) if is(&WORDS) => Some(Role::Word),
        Field::Text(text) if is(&MESSAGES) && complaint(text).is_some() => Some(Role::Message),
        Field::List(_) | Field::Object(_) if is(&ERRORS) => Some(Role::Error),
        _ => None,
    }
}

/// A whole number of a few digits, as codes are.
pub fn number(text: &str) -> Option<i64> {
    (text.len() <= 8).then(|| text.parse().ok()).flatten()
}

/// Whether a text is a status that tells of an error.
pub fn is_error_status(text: &str) -> bool {
    text.len() == 3 && number(text).is_some_and(|number| (400..600).contains(&number))
}

impl Sign {
    /// Whether this value alone speaks of an error.
    pub fn is_bad(&self) -> bool {
        match (self.role, &self.field) {
            (Role::Fault, _) => true,
            (Role::Flag { good }, Field::Bool(value)) => *value != good,
            (Role::Flag { .. }, field) => matches!(field.text().as_str(), "false" | "0"),
            (Role::Error, Field::Text(text)) => !NO_ERROR.contains(&plain(text).as_str()),
            (Role::Error, Field::List(items)) => *items > 0,
            (Role::Error, Field::Object(members)) => *members > 0,
            (Role::Number, field) => is_error_status(&field.text()),
            (Role::Word, field) => BAD_WORDS.contains(&plain(&field.text()).as_str()),
            (Role::Name | Role::Message | Role::Error, _) => false,
        }
    }
}

impl Field {
    /// The value as text.
    pub fn text(&self) -> String {
        match self {
            Field::Null | Field::List(_) | Field::Object(_) => String::new(),
            Field::Bool(value) => value.to_string(),
            Field::Number(text) | Field::Text(text) => text.clone(),
        }
    }
}

/// Words and the status that they speak of; the first that is found counts.
static WORDINGS: LazyLock<Vec<(Regex, u16)>> = LazyLock::new(|| {
    let wordings = [
        (r"rate.?limit|too many (?:requests|calls)|throttl|quota|slow ?down", 429),
        (
            r"unauthori[sz]ed|unauthenticated|not.?authenticated|not.?authed|log ?in first|login required|invalid.?(?:auth|token|credentials|session)|(?:token|session).{0,12}expired",
            401,
        ),
        (r"forbidden|access.?denied|permission|not.?allowed|missing.?scope|not.?permitted", 403),
        (r"already|conflict|duplicate|sold out|version mismatch", 409),
        (
            r"not.?found|no.?such|does ?n.t exist|not exist|unknown (?:id|user|order|item|resource|method)|nowhere",
            404,
        ),
        (r"is gone|no longer (?:available|exists)|deleted", 410),
        (r"timed? ?out|deadline", 504),
        (r"unavailable|too busy|busy|overload|maintenance|try again|does not answer", 503),
        (r"not.?implemented|not supported", 501),
        (
            r"invalid|required|missing|malformed|bad.?request|validation|must (?:be|not)|parse|out of range|bad.?user.?input|illegal",
            400,
        ),
        (
            r"exception|traceback|stack.?trace|fatal|internal|panic|undefined|null ?pointer|cannot be|could not|crash",
            500,
        ),
        (r"\b(?:fail|failed|failure)\b|\berrors?\b", 500),
    ];
    wordings.iter().filter_map(|(words, status)| Some((insensitive(words)?, *status))).collect()
});

/// Texts that only errors have.
static CRASHES: LazyLock<Vec<(&str, Regex)>> = LazyLock::new(|| {
    let crashes = [
        r"Traceback \(most recent call last\)",
        r"(?:PHP )?Fatal error(?:</b>)?:",
        r"\n\s+at [\w$.]+\([\w.]+:\d+\)",
        r"Unhandled [Ee]xception",
        r"(?i)internal server error",
    ];
    crashes.iter().filter_map(|words| Some((*words, Regex::new(words).ok()?))).collect()
});

/// Short texts that speak of nothing else.
static COMPLAINTS: LazyLock<Vec<(&str, Regex)>> = LazyLock::new(|| {
    let complaints = [
        "not found",
        "no such",
        "does not exist",
        "access denied",
        "permission denied",
        "unauthorized",
        "forbidden",
        "too busy",
        "try again",
        "unavailable",
        "timed out",
        "timeout",
        "internal error",
        "bad request",
        "exception",
        "failed",
        "error",
    ];
    complaints.iter().filter_map(|words| Some((*words, insensitive(words)?))).collect()
});

static TITLE: LazyLock<Option<Regex>> = LazyLock::new(|| insensitive(&TITLE_STATUS.replace("?<status>", "")));

/// The title of an error page that has its status.
pub const TITLE_STATUS: &str = r"(?i)<title>\s*(?:error )?(?<status>[45]\d{2})\b";

fn insensitive(words: &str) -> Option<Regex> {
    RegexBuilder::new(words).case_insensitive(true).build().ok()
}

/// The status that some words speak of.
pub fn status_of(words: &str) -> Option<u16> {
    let spaced = words.replace(['_', '-'], " ");
    WORDINGS.iter().find(|(wording, _)| wording.is_match(&spaced)).map(|(_, status)| *status)
}

/// What a text that is no JSON or XML says of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wording {
    /// The status stands in its title.
    Title,
    /// A program has died. The pattern that finds it.
    Crash(&'static str),
    /// Words of a short text. They, in lower case.
    Complaint(&'static str),
}

/// Texts that are longer say more than that something went wrong.
const COMPLAINT_BYTES_MAX: usize = 600;

/// What the text of an answer says of an error.
pub fn wording(traits: &Traits) -> Option<Wording> {
    if traits.form != Form::Text {
        return None;
    }
    if TITLE.as_ref().is_some_and(|title| title.is_match(&traits.text)) {
        return Some(Wording::Title);
    }
    if let Some((words, _)) = CRASHES.iter().find(|(_, crash)| crash.is_match(&traits.text)) {
        return Some(Wording::Crash(words));
    }
    complaint(&traits.text).map(Wording::Complaint)
}

/// The words with which a short text complains.
fn complaint(text: &str) -> Option<&'static str> {
    let words = || COMPLAINTS.iter().find(|(_, words)| words.is_match(text)).map(|(words, _)| *words);
    if text.len() <= COMPLAINT_BYTES_MAX { words() } else { None }
}

/// The status that the messages of an answer speak of.
pub fn status_of_messages(traits: &Traits) -> Option<u16> {
    let is_message = |path: &str, field: &Field| {
        let (name, depth) = last_name(path);
        let is_named = MESSAGES.contains(&name.as_str()) || ERRORS.contains(&name.as_str());
        matches!(field, Field::Text(_)) && is_named && depth <= 4 && !is_in_a_list(path)
    };
    let messages = traits.fields.iter().filter(|(path, field)| is_message(path, field));
    messages.map(|(_, field)| field.text()).find_map(|message| status_of(&message))
}

/// Whether anything in the answer speaks of an error.
pub fn are_there(traits: &Traits) -> bool {
    let is_code = |sign: &Sign| {
        sign.role == Role::Number
            && number(&sign.field.text()).is_some_and(|code| ![0, 1, 200].contains(&code))
    };
    signs(traits).iter().any(|sign| sign.is_bad() || is_code(sign))
        || wording(traits).is_some()
        || status_of_messages(traits).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_speak_of_a_status() {
        let check = |words: &str, expected: Option<u16>| assert_eq!(status_of(words), expected, "{words}");
        check("No such order", Some(404));
        check("channel_not_found", Some(404));
        check("not_authed", Some(401));
        check("UNAUTHENTICATED", Some(401));
        check("ratelimited", Some(429));
        check("The warehouse is too busy", Some(503));
        check("quantity must be positive", Some(400));
        check("java.lang.NullPointerException", Some(500));
        check("something failed", Some(500));
        check("shipped", None);
    }

    #[test]
    fn names_are_those_that_backends_give() {
        let check = |path: &str, field: Field, expected: Option<Role>| {
            let fields = [(path.to_owned(), field)].into();
            let traits =
                Traits { form: Form::Json, shape: String::new(), fields, text: String::new(), bytes: 0 };
            assert_eq!(signs(&traits).first().map(|sign| sign.role), expected, "{path}");
        };
        let text = |text: &str| Field::Text(text.to_owned());
        check("$.Is_Success", Field::Bool(false), Some(Role::Flag { good: true }));
        check("$.error", Field::Bool(true), Some(Role::Flag { good: false }));
        check("$.error", text("x"), Some(Role::Error));
        check("$.error", Field::Number("7".into()), Some(Role::Number));
        check("$.status", text("404"), Some(Role::Number));
        check("$.status", text("error"), Some(Role::Word));
        check("$.order.status", text("error"), None);
        check("$.items[0].error", text("x"), None);
        check("$.errors[0].code", text("x"), Some(Role::Name));
        check("$[0].error", Field::Object(2), Some(Role::Error));
        check("$.total", Field::Number("404".into()), None);
    }
}
