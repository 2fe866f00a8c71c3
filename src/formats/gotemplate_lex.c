/* gotemplate_lex.c: text into tokens, as Go's text/template/parse/lex.go cuts them. */
#include "gotemplate-internal.h"

#include <ctype.h>
#include <stdio.h>

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
/* Letters, digits, _; beyond ASCII all but general punctuation (the typographic quotes that word processors make). */
static bool is_word(const struct gt_lexer *l, const char *p) {
        unsigned char c = (unsigned char) *p;
        if (c < 0x80)
                return isalnum(c) || c == '_';
        return !(c == 0xe2 && p + 1 < l->end && ((unsigned char) p[1] & 0xfe) == 0x80);
}

static void fail(struct gt_lexer *l, struct gt_token *ret, const char *fmt, ...) DR_PRINTF(3, 4);
static void fail(struct gt_lexer *l, struct gt_token *ret, const char *fmt, ...) {
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(l->error, sizeof l->error, fmt, ap);
        va_end(ap);
        *ret = (struct gt_token) { GT_T_ERROR, l->error, strlen(l->error), l->line };
        l->done = true;
}

/* Go's %#U. */
static void bad_character(struct gt_lexer *l, struct gt_token *ret, const char *what, const char *at) {
        if (at >= l->end) {
                fail(l, ret, "%s at the end of the text", what);
                return;
        }
        size_t n;
        unsigned c = gt_rune(at, (size_t) (l->end - at), &n);
        if (c < 0x20 || (c >= 0x7f && n == 1))
                fail(l, ret, "%s U+%04X", what, c);
        else
                fail(l, ret, "%s U+%04X '%.*s'", what, c, (int) n, at);
}

/* The token from from up to where the lexer stands. */
static void emit(struct gt_lexer *l, struct gt_token *ret, enum gt_token_type type, const char *from) {
        *ret = (struct gt_token) { type, from, (size_t) (l->p - from), l->line };
        for (const char *p = from; p < l->p; p++)
                l->line += *p == '\n';
}

static bool at_text(const struct gt_lexer *l, const char *p, const char *s) {
        size_t n = strlen(s);
        return p <= l->end && (size_t) (l->end - p) >= n && memcmp(p, s, n) == 0;
}
static bool trims_right(const struct gt_lexer *l, const char *p) { return p + 1 < l->end && is_space(p[0]) && p[1] == '-'; }
/* "}}", or " -}}". */
static bool at_right(const struct gt_lexer *l, const char *p, bool *ret_trims) {
        *ret_trims = trims_right(l, p) && at_text(l, p + 2, "}}");
        return *ret_trims || at_text(l, p, "}}");
}
static bool at_terminator(const struct gt_lexer *l) {
        return l->p >= l->end || is_space(*l->p) || strchr(".,|:)(", *l->p) || at_text(l, l->p, "}}");
}

static void skip_lines(struct gt_lexer *l, const char *to) {
        for (; l->p < to; l->p++)
                l->line += *l->p == '\n';
}

/* Behind {{, when a comment begins there. False: an error is in ret. */
static bool comment(struct gt_lexer *l, struct gt_token *ret) {
        bool trims;
        const char *close = memmem(l->p, (size_t) (l->end - l->p), "*/", 2);
        if (!close) {
                fail(l, ret, "unclosed comment");
                return false;
        }
        skip_lines(l, close + 2);
        if (!at_right(l, l->p, &trims)) {
                fail(l, ret, "comment ends before closing delimiter");
                return false;
        }
        skip_lines(l, l->p + (trims ? 4 : 2));
        l->trim = trims;
        return true;
}

static bool text(struct gt_lexer *l, struct gt_token *ret) {
        if (l->trim)
                while (l->p < l->end && is_space(*l->p)) {
                        l->line += *l->p == '\n';
                        l->p++;
                }
        l->trim = false;
        const char *from = l->p, *open = memmem(from, (size_t) (l->end - from), "{{", 2), *to = open ? open : l->end;
        bool trims = open && open + 3 < l->end && open[2] == '-' && is_space(open[3]);
        const char *text_end = to;
        while (trims && text_end > from && is_space(text_end[-1]))
                text_end--;
        if (text_end > from) {
                l->p = text_end;
                emit(l, ret, GT_T_TEXT, from);
                return true;
        }
        skip_lines(l, to);
        if (!open) {
                emit(l, ret, GT_T_EOF, l->p);
                return true;
        }
        if (at_text(l, open + 2 + (trims ? 2 : 0), "/*")) {
                l->p = open + 2 + (trims ? 2 : 0);
                return !comment(l, ret);
        }
        l->p = open + 2;
        emit(l, ret, GT_T_LEFT, open);
        l->p += trims ? 2 : 0;
        l->line += trims && l->p[-1] == '\n';
        l->inside = true;
        l->parens = 0;
        return true;
}

static void quoted(struct gt_lexer *l, struct gt_token *ret, char quote) {
        const char *from = l->p++;
        for (; l->p < l->end && *l->p != quote && (*l->p != '\n' || quote == '`'); l->p++)
                if (*l->p == '\\' && quote != '`' && l->p + 1 < l->end && l->p[1] != '\n')
                        l->p++;
        if (l->p >= l->end || *l->p != quote) {
                fail(l, ret, quote == '"' ? "unterminated quoted string" : quote == '`' ? "unterminated raw quoted string" : "unterminated character constant");
                return;
        }
        l->p++;
        emit(l, ret, quote == '"' ? GT_T_STRING : quote == '`' ? GT_T_RAW_STRING : GT_T_CHAR_CONSTANT, from);
}

static void number(struct gt_lexer *l, struct gt_token *ret) {
        const char *from = l->p, *digits = "0123456789_";
        l->p += *l->p == '+' || *l->p == '-';
        bool hex = false;
        if (l->p + 1 < l->end && *l->p == '0' && strchr("xXoObB", l->p[1])) {
                hex = tolower((unsigned char) l->p[1]) == 'x';
                digits = hex ? "0123456789abcdefABCDEF_" : tolower((unsigned char) l->p[1]) == 'o' ? "01234567_" : "01_";
                l->p += 2;
        }
        while (l->p < l->end && *l->p && strchr(digits, *l->p))
                l->p++;
        if (l->p < l->end && *l->p == '.')
                for (l->p++; l->p < l->end && *l->p && strchr(digits, *l->p);)
                        l->p++;
        if (l->p < l->end && (hex ? *l->p == 'p' || *l->p == 'P' : strlen(digits) == 11 && (*l->p == 'e' || *l->p == 'E'))) {
                l->p++;
                l->p += l->p < l->end && (*l->p == '+' || *l->p == '-');
                while (l->p < l->end && (isdigit((unsigned char) *l->p) || *l->p == '_'))
                        l->p++;
        }
        l->p += l->p < l->end && *l->p == 'i';          /* imaginary, which is no number here */
        bool sum = l->p < l->end && (*l->p == '+' || *l->p == '-');    /* "1-2i": neither */
        if (sum || (l->p < l->end && is_word(l, l->p))) {
                l->p++;
                while (sum && l->p < l->end && isdigit((unsigned char) *l->p))
                        l->p++;
                fail(l, ret, "bad number syntax: \"%.*s\"", (int) MIN(l->p - from, (ptrdiff_t) 60), from);
                return;
        }
        emit(l, ret, GT_T_NUMBER, from);
}

static void word(struct gt_lexer *l, struct gt_token *ret, enum gt_token_type type) {
        static const struct { const char *word; enum gt_token_type type; } words[] = {
                { "block", GT_T_BLOCK }, { "break", GT_T_BREAK }, { "continue", GT_T_CONTINUE }, { "define", GT_T_DEFINE }, { "else", GT_T_ELSE },
                { "end", GT_T_END }, { "if", GT_T_IF }, { "nil", GT_T_NIL }, { "range", GT_T_RANGE }, { "template", GT_T_TEMPLATE }, { "with", GT_T_WITH },
                { "true", GT_T_BOOL }, { "false", GT_T_BOOL },
        };
        const char *from = l->p;
        if (type != GT_T_IDENTIFIER)
                l->p++;                 /* . or $ */
        while (l->p < l->end && is_word(l, l->p))
                l->p++;
        size_t n = (size_t) (l->p - from);
        if (!at_terminator(l)) {
                bad_character(l, ret, "bad character", l->p);
                return;
        }
        for (size_t i = 0; type == GT_T_IDENTIFIER && i < ARRAY_LEN(words); i++)
                if (strlen(words[i].word) == n && memcmp(words[i].word, from, n) == 0) {
                        emit(l, ret, words[i].type, from);
                        return;
                }
        emit(l, ret, type == GT_T_FIELD && n == 1 ? GT_T_DOT : type, from);
}

static void one(struct gt_lexer *l, struct gt_token *ret, enum gt_token_type type, size_t n) {
        const char *from = l->p;
        l->p += n;
        emit(l, ret, type, from);
}

static void inside(struct gt_lexer *l, struct gt_token *ret) {
        bool trims;
        if (at_right(l, l->p, &trims)) {
                if (l->parens) {
                        fail(l, ret, "unclosed left paren");
                        return;
                }
                skip_lines(l, l->p + (trims ? 2 : 0));
                one(l, ret, GT_T_RIGHT, 2);
                l->inside = false;
                l->trim = trims;
                return;
        }
        if (l->p >= l->end) {
                fail(l, ret, "unclosed action");
                return;
        }
        char c = *l->p;
        if (is_space(c)) {
                const char *from = l->p;
                while (l->p < l->end && is_space(*l->p) && !(at_right(l, l->p, &trims) && trims))
                        l->p++;
                emit(l, ret, GT_T_SPACE, from);
        } else if (c == '=' || c == '|') {
                one(l, ret, c == '=' ? GT_T_ASSIGN : GT_T_PIPE, 1);
        } else if (c == ':') {
                if (at_text(l, l->p, ":="))
                        one(l, ret, GT_T_DECLARE, 2);
                else
                        fail(l, ret, "expected :=");
        } else if (c == '"' || c == '`' || c == '\'') {
                quoted(l, ret, c);
        } else if (c == '$') {
                word(l, ret, GT_T_VARIABLE);
        } else if (c == '.' && (l->p + 1 >= l->end || !isdigit((unsigned char) l->p[1]))) {
                word(l, ret, GT_T_FIELD);
        } else if (c == '.' || c == '+' || c == '-' || isdigit((unsigned char) c)) {
                number(l, ret);
        } else if (is_word(l, l->p)) {
                word(l, ret, GT_T_IDENTIFIER);
        } else if (c == '(') {
                one(l, ret, GT_T_LPAREN, 1);
                l->parens++;
        } else if (c == ')') {
                one(l, ret, GT_T_RPAREN, 1);    /* one too many: the parser says so */
                l->parens -= l->parens > 0;
        } else if (isprint((unsigned char) c)) {
                one(l, ret, GT_T_CHAR, 1);
        } else {
                bad_character(l, ret, "unrecognized character in action:", l->p);
        }
}

void gt_lex(struct gt_lexer *l, struct gt_token *ret) {
        if (l->done) {
                if (l->error[0])
                        *ret = (struct gt_token) { GT_T_ERROR, l->error, strlen(l->error), l->line };
                else
                        *ret = (struct gt_token) { GT_T_EOF, l->end, 0, l->line };
                return;
        }
        if (l->inside) {
                inside(l, ret);
                return;
        }
        while (!text(l, ret)) { }       /* comments give nothing */
        l->done |= ret->type == GT_T_EOF;
}
