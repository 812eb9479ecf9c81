//! The words of the grammar.

/// Adjectives that praise.
pub(super) const POSITIVE: &[&str] = &[
    "good", "great", "lovely", "superb", "charming", "fresh", "warm", "clever", "bright", "gentle",
    "honest", "funny", "elegant", "splendid",
];

/// Adjectives that blame.
pub(super) const NEGATIVE: &[&str] = &[
    "bad", "awful", "dull", "bland", "boring", "rude", "stale", "cold", "clumsy", "bitter",
    "sloppy", "ugly", "tired", "dreadful",
];

/// Verbs that praise.
pub(super) const PRAISED: &[&str] = &["loved", "enjoyed", "praised", "admired", "liked"];

/// Verbs that blame.
pub(super) const BLAMED: &[&str] = &["hated", "disliked", "regretted", "despised", "blamed"];

/// What is judged.
pub(super) const NOUNS: &[&str] = &[
    "film", "story", "cast", "scene", "music", "plot", "ending", "book", "hero", "song", "dinner",
    "soup", "service", "room", "view", "hotel", "actor", "stage", "garden", "wine",
];

/// Before a noun.
pub(super) const DETERMINERS: &[&str] = &["the", "this", "that", "our"];

/// Who judges.
pub(super) const PRONOUNS: &[&str] = &["i", "we", "they", "she", "he"];

/// Before an adjective; they change nothing.
pub(super) const ADVERBS: &[&str] = &["very", "really", "quite", "rather", "truly", "so"];

/// Between a noun and an adjective.
pub(super) const COPULAS: &[&str] = &["was", "felt", "seemed", "looked"];

/// Turn an adjective around.
pub(super) const NOT: &[&str] = &["not", "never", "hardly"];

/// Turn a verb around.
pub(super) const NEVER: &[&str] = &["never", "hardly"];

/// Days and seasons with the word before them.
pub(super) const TIMES: &[&str] = &[
    "on monday",
    "on tuesday",
    "on friday",
    "on sunday",
    "in spring",
    "in summer",
    "in winter",
];

/// With whom or when; may be nothing.
pub(super) const COMPANY: &[&str] = &["", " with friends", " after work"];

/// Everything else.
const REST: &[&str] = &["but", "although", "and", "went", "there", "again", "."];

/// Every word of the grammar once, in the order of the alphabet.
pub(super) fn words() -> Vec<&'static str> {
    let lists = [
        POSITIVE,
        NEGATIVE,
        PRAISED,
        BLAMED,
        NOUNS,
        DETERMINERS,
        PRONOUNS,
        ADVERBS,
        COPULAS,
        NOT,
        NEVER,
        TIMES,
        COMPANY,
        REST,
    ];
    let mut words: Vec<&str> = lists
        .into_iter()
        .flatten()
        .flat_map(|entry| entry.split_whitespace())
        .collect();
    words.sort_unstable();
    words.dedup();
    words
}
