/* catalog_answer.c: what people may answer to a question (spec catalog.md 3.1). */
#include "catalog.h"

#include "base/parse.h"
#include "json.h"

static size_t characters(const char *s) {
        size_t n = 0;
        for (; *s; s++)
                n += ((unsigned char) *s & 0xc0) != 0x80;
        return n;
}

/* set is written as inside of [ ]: "a-z0-9_-". */
static bool in_set(const char *set, unsigned char c) {
        for (const unsigned char *s = (const unsigned char *) set; *s; s++) {
                if (s[0] == '\\' && s[1])
                        s++;
                if (s[1] == '-' && s[2]) {
                        if (c >= s[0] && c <= s[2])
                                return true;
                        s += 2;
                } else if (c == *s) {
                        return true;
                }
        }
        return false;
}

static int check_text(const struct json_object *q, const char *label, const char *text, struct dr_error *err) {
        const char *valid = json_str(q, "validChars", ""), *invalid = json_str(q, "invalidChars", "");
        int64_t min = json_int(q, "minLength", 0), max = json_int(q, "maxLength", 0);
        if (min > 0 && characters(text) < (size_t) min)
                return dr_fail(err, DR_E_MIN_LENGTH, NULL, "%.100s must have at least %lld characters", label, (long long) min);
        if (max > 0 && characters(text) > (size_t) max)
                return dr_fail(err, DR_E_MAX_LENGTH, NULL, "%.100s must have at most %lld characters", label, (long long) max);
        for (const char *s = text; *s; s++)
                if ((*valid && !in_set(valid, (unsigned char) *s)) || (*invalid && in_set(invalid, (unsigned char) *s)))
                        return dr_fail(err, DR_E_INVALID_CHARACTERS, NULL, "%.100s must not have the character '%.*s'", label,
                                       (int) (1 + strspn(s + 1, "\x80\x81\x82\x83\x84\x85\x86\x87\x88\x89\x8a\x8b\x8c\x8d\x8e\x8f"
                                                                "\x90\x91\x92\x93\x94\x95\x96\x97\x98\x99\x9a\x9b\x9c\x9d\x9e\x9f"
                                                                "\xa0\xa1\xa2\xa3\xa4\xa5\xa6\xa7\xa8\xa9\xaa\xab\xac\xad\xae\xaf"
                                                                "\xb0\xb1\xb2\xb3\xb4\xb5\xb6\xb7\xb8\xb9\xba\xbb\xbc\xbd\xbe\xbf")), s);
        return 0;
}

static int check_number(const struct json_object *q, const char *label, const char *text, bool whole, struct dr_error *err) {
        int64_t min = json_int(q, "min", 0), max = json_int(q, "max", 0), i;
        double d;
        if (whole ? parse_i64(text, &i) < 0 : parse_double(text, &d) < 0)
                return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "%.100s must be a %s", label, whole ? "whole number" : "number");
        if (whole)
                d = (double) i;
        if (min == 0 && max == 0)       /* neither was given */
                return 0;
        if (d < (double) min)
                return dr_fail(err, DR_E_MIN_LIMIT, NULL, "%.100s must be at least %lld", label, (long long) min);
        if (max != 0 && d > (double) max)
                return dr_fail(err, DR_E_MAX_LIMIT, NULL, "%.100s must be at most %lld", label, (long long) max);
        return 0;
}

static int check_option(const struct json_object *q, const char *label, const char *text, struct dr_error *err) {
        struct json_object *options = json_get_array(q, "options");
        for (size_t i = 0; options && i < json_object_array_length(options); i++)
                if (str_eq(json_object_get_string(json_object_array_get_idx(options, i)), text))
                        return 0;
        return dr_fail(err, DR_E_INVALID_OPTION, NULL, "%.100s must be one of its options, not \"%.60s\"", label, text);
}

static int check_date(const char *label, const char *text, struct dr_error *err) {
        static const char form[] = "dddd-dd-dd";
        for (size_t i = 0; i < sizeof form; i++)
                if (form[i] == 'd' ? text[i] < '0' || text[i] > '9' : text[i] != form[i])
                        return dr_fail(err, DR_E_INVALID_DATE_FORMAT, NULL, "%.100s must be a date like 2017-03-02", label);
        return 0;
}

int catalog_answer(const struct json_object *q, const char *text, struct json_object **ret, struct dr_error *err) {
        const char *type = json_str(q, "type", ""), *label = json_str(q, "label", "");
        bool boolean = str_eq(type, "boolean"), given = text && *text, b = false;
        int r = 0;
        if (!*label)
                label = json_str(q, "variable", "");
        if (!given)
                text = json_str(q, "default", "");
        if (boolean) {
                if (given && parse_bool(text, &b) < 0)
                        return dr_fail(err, DR_E_INVALID_OPTION, NULL, "%.100s must be true or false", label);
                *ret = json_object_new_boolean(given ? b : str_eq(text, "true"));
                return 0;
        }
        if (!*text && json_bool(q, "required", false))
                return dr_fail(err, DR_E_MISSING_REQUIRED, NULL, "%.100s is required", label);
        if (given) {                    /* a default is its author's affair, as upstream has it */
                if (str_eq(type, "int") || str_eq(type, "float"))
                        r = check_number(q, label, text, str_eq(type, "int"), err);
                else if (str_eq(type, "enum"))
                        r = check_option(q, label, text, err);
                else if (str_eq(type, "date"))
                        r = check_date(label, text, err);
                else
                        r = check_text(q, label, text, err);
        }
        if (r == 0)
                *ret = json_object_new_string(text);
        return r;
}
