//! The words of a template.

/// What a word is. Which of them there are depends on the [`Mode`](super::scanner::Mode) it is read in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The template is over.
    EndOfTemplate,
    /// `[` right after a reference.
    IndexOpen,
    /// The `]` of an index.
    IndexClose,
    /// `[` in a directive or among arguments.
    ListOpen,
    /// `]` in a directive or among arguments.
    ListClose,
    Comma,
    /// `..`.
    Dots,
    Colon,
    /// `{` in a directive or among arguments.
    MapOpen,
    /// `}` in a directive or among arguments.
    MapClose,
    /// `(` of a directive or of a method.
    Open,
    /// `)` of a directive, with the blanks and the newline it eats.
    Close,
    /// `)` of a method.
    ArgumentsClose,
    /// `\#if`.
    EscapedDirective,
    /// `#set(` with the blanks before it.
    Set,
    /// `##`.
    LineComment,
    /// The newline that ends a `##`.
    LineCommentEnd,
    /// `#** … *#`.
    FormalComment,
    /// `#* … *#`.
    Comment,
    /// `#[[ … ]]#`.
    Raw,
    /// `\\`.
    DoubleBackslash,
    /// `\`.
    Backslash,
    Text,
    Blank,
    String,
    True,
    False,
    Minus,
    Plus,
    Times,
    Divide,
    Remainder,
    And,
    Or,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
    Not,
    /// `=`.
    Assign,
    /// `#end`, with the blanks and the newline it eats.
    End,
    If,
    ElseIf,
    /// `#else`, with the blanks and the newline it eats.
    Else,
    Integer,
    Float,
    /// `#word`, or a bare word within a directive.
    Word,
    /// `#{word}`.
    BracketedWord,
    /// The name of a variable (with its `$`), of a property or of a method.
    Identifier,
    /// `.` before a letter, in a reference.
    Dot,
    /// `{` in a reference, with its `$`.
    BraceOpen,
    /// `}` in a reference.
    BraceClose,
    /// `$[`, `$![`.
    EmptyIndex,
}

impl Kind {
    /// Whether a statement can begin with it.
    pub fn begins_statement(self) -> bool {
        use Kind::*;
        self.is_text()
            || matches!(
                self,
                EscapedDirective
                    | Set
                    | LineComment
                    | DoubleBackslash
                    | FormalComment
                    | Comment
                    | Raw
                    | If
                    | Word
                    | BracketedWord
                    | Identifier
            )
    }

    /// Whether it is printed as it stands where a statement could begin.
    pub fn is_text(self) -> bool {
        use Kind::*;
        matches!(
            self,
            Text | Dot
                | Close
                | Open
                | Integer
                | Float
                | String
                | Backslash
                | BraceOpen
                | BraceClose
                | EmptyIndex
        )
    }
}

/// A word and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Token {
    pub kind: Kind,
    /// The first byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
    /// `$` and `#` that came just before and turned out to begin nothing. Only text prints them.
    pub stray: Option<Box<str>>,
}
