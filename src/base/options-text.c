/* options-text.c: help, manual pages and shell completion, from the same tables that options.c parses by. */
#include "options-internal.h"

#include <stdio.h>

enum { TEXT_BYTES_MAX = 1 << 20, WIDTH = 100, LEFT_MAX = 34 };

static void path_join(const struct opt_command *const *path, size_t n, const char *sep, char *buf, size_t size) {
        size_t len = 0;
        buf[0] = '\0';
        for (size_t i = 0; i < n && len < size; i++)
                len += (size_t) snprintf(buf + len, size - len, "%s%s", i ? sep : "", path[i]->name);
}

/* "-f, --file FILE" or "    --all"; further names follow. */
static void option_left(const struct opt_row *r, struct sbuf *b) {
        char name[OPT_NAME_BYTES_MAX];
        bool first = true;
        if (r->letter)
                sbuf_printf(b, "-%c", r->letter);
        else
                sbuf_puts(b, "    ");
        for (const char *p = r->name; (p = opt_next_word(p, 0, name, sizeof name)); first = false)
                sbuf_printf(b, "%s--%s", first ? (r->letter ? ", " : "") : ", ", name);
        if (opt_takes_value(r))
                sbuf_printf(b, " %s", str_or(r->arg, r->type == OPT_ENUM ? r->values : "VALUE"));
}

static void env_names(const struct opt_command *root, const struct opt_row *r, bool at_root, struct sbuf *b) {
        char name[OPT_NAME_BYTES_MAX];
        bool any = false;
        if (r->flags & OPT_NO_ENV)
                return;
        if (at_root && root->env_prefix) {
                (void) opt_next_word(r->name, 0, name, sizeof name);
                sbuf_printf(b, "$%s", root->env_prefix);
                for (const char *p = name; *p; p++)
                        sbuf_putc(b, *p == '-' ? '_' : *p >= 'a' && *p <= 'z' ? (char) (*p - 32) : *p);
                any = true;
        }
        for (const char *p = r->env; (p = opt_next_word(p, 0, name, sizeof name)); any = true)
                sbuf_printf(b, "%s$%s", any ? ", " : "", name);
}

/* Help text with what the row says beyond it: values, default, limits, variables. */
static void option_right(const struct opt_command *root, const struct opt_row *r, bool at_root, struct sbuf *b) {
        auto_sbuf struct sbuf env = SBUF(1024);
        sbuf_puts(b, str_or(r->help, ""));
        if (r->type == OPT_ENUM && r->arg)
                sbuf_printf(b, ": %s", r->values);
        if (r->type == OPT_LIST)
                sbuf_puts(b, "; may be given several times");
        if (r->flags & OPT_REQUIRED)
                sbuf_puts(b, " (required)");
        else if (r->dflt && *r->dflt && !(r->flags & OPT_SECRET))
                sbuf_printf(b, " (default %s)", r->dflt);
        env_names(root, r, at_root, &env);
        if (env.len)
                sbuf_printf(b, " [%s]", sbuf_str(&env));
}

/* Writes left in a column of width, right behind it, wrapped at WIDTH. */
static void two_columns(struct sbuf *b, const char *left, size_t width, const char *right) {
        size_t col = strlen(left) + 2;
        sbuf_printf(b, "  %s", left);
        if (strlen(left) > width) {
                sbuf_putc(b, '\n');
                col = 0;
        }
        bool fresh = true;
        while (col < width + 4) {
                sbuf_putc(b, ' ');
                col++;
        }
        while (*right) {
                size_t len = strcspn(right, " ");
                if (!fresh && col + 1 + len > WIDTH) {
                        sbuf_printf(b, "\n%*s", (int) width + 4, "");
                        col = width + 4;
                        fresh = true;
                }
                sbuf_printf(b, "%s%.*s", fresh ? "" : " ", (int) len, right);
                col += len + !fresh;
                fresh = false;
                right += len;
                while (*right == ' ')
                        right++;
        }
        sbuf_putc(b, '\n');
}

static void options_of(const struct opt_command *root, const struct opt_command *c, struct sbuf *b) {
        bool at_root = c == root;
        size_t width = 0;
        for (size_t i = 0; i < c->n_rows; i++) {
                auto_sbuf struct sbuf left = SBUF(1024);
                option_left(&c->rows[i], &left);
                if (!(c->rows[i].flags & OPT_HIDDEN) && left.len <= LEFT_MAX)
                        width = MAX(width, left.len);
        }
        for (size_t i = 0; i < c->n_rows; i++) {
                auto_sbuf struct sbuf left = SBUF(1024), right = SBUF(8192);
                if (c->rows[i].flags & OPT_HIDDEN)
                        continue;
                option_left(&c->rows[i], &left);
                option_right(root, &c->rows[i], at_root, &right);
                two_columns(b, sbuf_str(&left), width, sbuf_str(&right));
        }
}

static bool has_visible_rows(const struct opt_command *c) {
        for (size_t i = 0; i < c->n_rows; i++)
                if (!(c->rows[i].flags & OPT_HIDDEN))
                        return true;
        return false;
}

static void usage_line(const struct opt_command *const *path, size_t n, struct sbuf *b) {
        const struct opt_command *c = path[n - 1];
        char name[256];
        path_join(path, n, " ", name, sizeof name);
        sbuf_puts(b, name);
        if (!c->passthrough && has_visible_rows(c))
                sbuf_puts(b, " [OPTIONS]");
        if (c->n_sub > 0)
                sbuf_puts(b, c->run ? " [COMMAND]" : " COMMAND");
        if (c->args)
                sbuf_printf(b, " %s", c->args);
}

char *opt_command_help(const struct opt_command *const *path, size_t n) {
        const struct opt_command *root = path[0], *c = path[n - 1];
        auto_sbuf struct sbuf b = SBUF(TEXT_BYTES_MAX);

        sbuf_puts(&b, "Usage: ");
        usage_line(path, n, &b);
        sbuf_putc(&b, '\n');
        if (c->summary)
                sbuf_printf(&b, "\n%c%s.\n", c->summary[0] >= 'a' && c->summary[0] <= 'z' && n > 1 ? c->summary[0] - 32 : c->summary[0], c->summary + 1);
        if (c->about)
                sbuf_printf(&b, "\n%s\n", c->about);
        if (c->aliases)
                sbuf_printf(&b, "\nOther names: %s\n", c->aliases);
        if (c->n_sub > 0) {
                size_t width = 0;
                sbuf_puts(&b, "\nCommands:\n");
                for (size_t i = 0; i < c->n_sub; i++)
                        if (!c->sub[i]->hidden)
                                width = MAX(width, strlen(c->sub[i]->name));
                for (size_t i = 0; i < c->n_sub; i++)
                        if (!c->sub[i]->hidden)
                                two_columns(&b, c->sub[i]->name, width, str_or(c->sub[i]->summary, ""));
        }
        if (has_visible_rows(c)) {
                sbuf_puts(&b, "\nOptions:\n");
                options_of(root, c, &b);
        }
        char name[256];
        path_join(path, n, " ", name, sizeof name);
        if (c->n_sub > 0)
                sbuf_printf(&b, "\n\"%s COMMAND --help\" tells more about a command.\n", name);
        else if (n > 1 && has_visible_rows(root) && !c->passthrough)
                sbuf_printf(&b, "\nThe options of \"%s --help\" work here too.\n", root->name);
        return sbuf_steal(&b);
}

char *opts_help(const struct opts *o) {
        return opt_command_help(o->path, o->depth);
}

char *opts_usage_hint(const struct opt_command *root, int argc, char *const *argv) {
        const struct opt_command *path[OPT_DEPTH_MAX] = { root };
        char name[256];
        size_t n = 1;
        for (int i = 1; i < argc && n < OPT_DEPTH_MAX && !path[n - 1]->passthrough; i++) {
                const struct opt_command *sub = argv[i][0] == '-' ? NULL : opt_command_find(path[n - 1], argv[i]);
                if (sub)
                        path[n++] = sub;
        }
        path_join(path, n, " ", name, sizeof name);
        return dr_xasprintf("try \"%s --help\"", name);
}

/* Text for roff: backslashes and hyphens escaped, no line starts with a dot or quote. */
static void roff(struct sbuf *b, const char *s) {
        bool start = true;
        for (; *s; s++) {
                if (start && (*s == '.' || *s == '\''))
                        sbuf_puts(b, "\\&");
                if (*s == '\\')
                        sbuf_puts(b, "\\e");
                else if (*s == '-')
                        sbuf_puts(b, "\\-");
                else
                        sbuf_putc(b, *s);
                start = *s == '\n';
        }
}

char *opt_command_man(const struct opt_command *const *path, size_t n) {
        const struct opt_command *c = path[n - 1];
        auto_sbuf struct sbuf b = SBUF(TEXT_BYTES_MAX), usage = SBUF(1024);
        char name[256];

        path_join(path, n, "-", name, sizeof name);
        sbuf_printf(&b, ".TH \"%s\" 1\n.SH NAME\n", name);
        roff(&b, name);
        sbuf_puts(&b, " \\- ");
        roff(&b, str_or(c->summary, ""));
        sbuf_puts(&b, "\n.SH SYNOPSIS\n");
        usage_line(path, n, &usage);
        roff(&b, sbuf_str(&usage));
        sbuf_putc(&b, '\n');
        if (c->about) {
                sbuf_puts(&b, ".SH DESCRIPTION\n");
                roff(&b, c->about);
                sbuf_putc(&b, '\n');
        }
        if (has_visible_rows(c))
                sbuf_puts(&b, ".SH OPTIONS\n");
        for (size_t i = 0; i < c->n_rows; i++) {
                auto_sbuf struct sbuf left = SBUF(1024), right = SBUF(8192);
                if (c->rows[i].flags & OPT_HIDDEN)
                        continue;
                option_left(&c->rows[i], &left);
                option_right(path[0], &c->rows[i], n == 1, &right);
                sbuf_puts(&b, ".TP\n.B ");
                roff(&b, sbuf_str(&left) + strspn(sbuf_str(&left), " "));
                sbuf_putc(&b, '\n');
                roff(&b, sbuf_str(&right));
                sbuf_putc(&b, '\n');
        }
        if (c->n_sub > 0)
                sbuf_puts(&b, ".SH COMMANDS\n");
        for (size_t i = 0; i < c->n_sub; i++) {
                if (c->sub[i]->hidden)
                        continue;
                sbuf_puts(&b, ".TP\n.B ");
                roff(&b, c->sub[i]->name);
                sbuf_putc(&b, '\n');
                roff(&b, str_or(c->sub[i]->summary, ""));
                sbuf_putc(&b, '\n');
        }
        return sbuf_steal(&b);
}

/* ---- completion ----
 * Both shells walk the words with case tables "PATH WORD" -> PATH and skip values of options; what stands at the cursor is
 * then a verb, an option or a value. Values of .complete kinds are asked from the program itself. */

struct script { struct sbuf b; bool zsh, dynamic; const char *program; };

static void shell_word(struct sbuf *b, const char *s) {         /* inside single quotes */
        for (; *s; s++)
                if (*s == '\'')
                        sbuf_puts(b, "'\\''");
                else
                        sbuf_putc(b, *s);
}

typedef void visit_fn(struct script *s, const struct opt_command *const *path, size_t n, const char *joined);

static void visit(struct script *s, const struct opt_command *const *path, size_t n, visit_fn *fn) {
        char joined[256];
        path_join(path, n, " ", joined, sizeof joined);
        fn(s, path, n, joined);
        const struct opt_command *deeper[OPT_DEPTH_MAX];
        memcpy(deeper, path, n * sizeof *path);
        for (size_t i = 0; n < OPT_DEPTH_MAX && i < path[n - 1]->n_sub; i++) {
                deeper[n] = path[n - 1]->sub[i];
                visit(s, deeper, n + 1, fn);
        }
}

static void emit_steps(struct script *s, const struct opt_command *const *path, size_t n, const char *joined) {
        for (size_t i = 0; i < path[n - 1]->n_sub; i++) {
                const struct opt_command *c = path[n - 1]->sub[i];
                char alias[OPT_NAME_BYTES_MAX];
                sbuf_printf(&s->b, "            '%s %s'", joined, c->name);
                for (const char *p = c->aliases; (p = opt_next_word(p, 0, alias, sizeof alias)); )
                        sbuf_printf(&s->b, "|'%s %s'", joined, alias);
                sbuf_printf(&s->b, ") where='%s %s' ;;\n", joined, c->name);
        }
}

static void emit_option_names(struct sbuf *b, const struct opt_row *r, const char *joined) {
        char name[OPT_NAME_BYTES_MAX];
        bool any = false;
        if (r->letter) {
                sbuf_printf(b, "'%s -%c'", joined, r->letter);
                any = true;
        }
        for (const char *p = r->name; (p = opt_next_word(p, 0, name, sizeof name)); any = true)
                sbuf_printf(b, "%s'%s --%s'", any ? "|" : "", joined, name);
}

/* Inner levels first, so that an inner flag hides an outer option of the same letter. */
static void emit_values(struct script *s, const struct opt_command *const *path, size_t n, const char *joined) {
        char word[OPT_NAME_BYTES_MAX];
        for (size_t level = n; level > 0; level--)
                for (size_t i = 0; i < path[level - 1]->n_rows; i++) {
                        const struct opt_row *r = &path[level - 1]->rows[i];
                        sbuf_puts(&s->b, "        ");
                        emit_option_names(&s->b, r, joined);
                        sbuf_puts(&s->b, ") kind='");
                        if (r->type == OPT_FLAG) {
                                sbuf_puts(&s->b, "flag");
                        } else if (r->type == OPT_ENUM) {
                                sbuf_puts(&s->b, "words");
                                for (const char *p = r->values; (p = opt_next_word(p, '|', word, sizeof word)); )
                                        sbuf_printf(&s->b, " %s", word);
                        } else if (r->type == OPT_PATH || r->type == OPT_CONFIG) {
                                sbuf_puts(&s->b, "file");
                        } else {
                                sbuf_printf(&s->b, "ask %s", str_or(r->complete, "nothing"));
                        }
                        sbuf_puts(&s->b, "' ;;\n");
                }
}

static void emit_offers(struct script *s, const struct opt_command *const *path, size_t n, const char *joined) {
        const struct opt_command *c = path[n - 1];
        sbuf_printf(&s->b, "        '%s') ask='%s'\n", joined, str_or(c->complete, ""));
        sbuf_puts(&s->b, "            verbs=(");
        for (size_t i = 0; i < c->n_sub; i++) {
                if (c->sub[i]->hidden)
                        continue;
                sbuf_printf(&s->b, " '%s", c->sub[i]->name);
                if (s->zsh) {
                        sbuf_putc(&s->b, ':');
                        shell_word(&s->b, str_or(c->sub[i]->summary, ""));
                }
                sbuf_putc(&s->b, '\'');
        }
        sbuf_puts(&s->b, " )\n            flags=( ");
        sbuf_puts(&s->b, s->zsh ? "'--help:show help'" : "'--help'");
        for (size_t level = n; level > 0; level--)
                for (size_t i = 0; i < path[level - 1]->n_rows; i++) {
                        const struct opt_row *r = &path[level - 1]->rows[i];
                        char name[OPT_NAME_BYTES_MAX];
                        if (r->flags & OPT_HIDDEN)
                                continue;
                        (void) opt_next_word(r->name, 0, name, sizeof name);
                        sbuf_printf(&s->b, " '--%s", name);
                        if (s->zsh) {
                                sbuf_putc(&s->b, ':');
                                shell_word(&s->b, str_or(r->help, ""));
                        }
                        sbuf_putc(&s->b, '\'');
                }
        sbuf_puts(&s->b, " ) ;;\n");
}

static void emit_functions(struct script *s, const struct opt_command *root, const char *fn) {
        sbuf_printf(&s->b, "%s_kind() {\n    kind=''\n    case \"$1 $2\" in\n", fn);
        visit(s, &root, 1, emit_values);
        sbuf_printf(&s->b, "    esac\n}\n\n%s_step() {\n        case \"$where $1\" in\n", fn);
        visit(s, &root, 1, emit_steps);
        sbuf_printf(&s->b, "        esac\n}\n\n%s_offers() {\n    case \"$where\" in\n", fn);
        visit(s, &root, 1, emit_offers);
        sbuf_puts(&s->b, "    esac\n}\n\n");
}

static void shell_name(const char *program, char *buf, size_t n) {
        snprintf(buf, n, "_%s", program);
        for (char *p = buf; *p; p++)
                if (*p == '-')
                        *p = '_';
}

static void emit_bash(struct script *s, const struct opt_command *root) {
        char fn[OPT_NAME_BYTES_MAX];
        shell_name(root->name, fn, sizeof fn);
        sbuf_printf(&s->b, "# bash completion of %s\n\n", root->name);
        emit_functions(s, root, fn);
        sbuf_printf(&s->b,
                "%s() {\n"
                "    local cur=${COMP_WORDS[COMP_CWORD]} where='%s' kind='' ask='' i verbs flags\n"
                "    COMPREPLY=()\n"
                "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
                "        if [[ ${COMP_WORDS[i]} == -* ]]; then\n"
                "            %s_kind \"$where\" \"${COMP_WORDS[i]}\"\n"
                "            if [[ $kind && $kind != flag ]]; then\n"
                "                [[ ${COMP_WORDS[i+1]} == = ]] && ((i++))\n"
                "                ((i++))\n"
                "                ((i < COMP_CWORD)) && kind=''\n"
                "            else\n"
                "                kind=''\n"
                "            fi\n"
                "        else\n"
                "            kind=''\n"
                "            %s_step \"${COMP_WORDS[i]}\"\n"
                "        fi\n"
                "    done\n"
                "    [[ $cur == = ]] && cur=''\n"
                "    case \"$kind\" in\n"
                "    'words '*) COMPREPLY=($(compgen -W \"${kind#words }\" -- \"$cur\")); return ;;\n"
                "    file) compopt -o filenames; COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n"
                "    'ask nothing') return ;;\n"
                "    'ask '*) ask=${kind#ask } ;;\n"
                "    *)\n"
                "        %s_offers\n"
                "        if [[ $cur == -* ]]; then COMPREPLY=($(compgen -W \"${flags[*]}\" -- \"$cur\")); return; fi\n"
                "        if ((${#verbs[@]})); then COMPREPLY=($(compgen -W \"${verbs[*]}\" -- \"$cur\")); return; fi ;;\n"
                "    esac\n", fn, root->name, fn, fn, fn);
        if (s->dynamic)
                sbuf_printf(&s->b, "    [[ $ask ]] && COMPREPLY=($(compgen -W \"$(%s __complete \"$ask\" 2>/dev/null)\" -- \"$cur\"))\n", root->name);
        sbuf_printf(&s->b, "}\ncomplete -F %s %s\n", fn, root->name);
}

static void emit_zsh(struct script *s, const struct opt_command *root) {
        char fn[OPT_NAME_BYTES_MAX];
        shell_name(root->name, fn, sizeof fn);
        sbuf_printf(&s->b, "#compdef %s\n\n", root->name);
        emit_functions(s, root, fn);
        sbuf_printf(&s->b,
                "%s() {\n"
                "    local where='%s' kind='' ask='' i\n"
                "    local -a verbs flags asked\n"
                "    for ((i = 2; i < CURRENT; i++)); do\n"
                "        if [[ ${words[i]} == -* ]]; then\n"
                "            %s_kind \"$where\" \"${words[i]}\"\n"
                "            if [[ -n $kind && $kind != flag ]]; then\n"
                "                ((i++))\n"
                "                ((i < CURRENT)) && kind=''\n"
                "            else\n"
                "                kind=''\n"
                "            fi\n"
                "        else\n"
                "            kind=''\n"
                "            %s_step \"${words[i]}\"\n"
                "        fi\n"
                "    done\n"
                "    case \"$kind\" in\n"
                "    'words '*) asked=(${(s: :)${kind#words }}); compadd -a asked; return ;;\n"
                "    file) _files; return ;;\n"
                "    'ask nothing') return ;;\n"
                "    'ask '*) ask=${kind#ask } ;;\n"
                "    *)\n"
                "        %s_offers\n"
                "        if [[ $PREFIX == -* ]]; then _describe option flags; return; fi\n"
                "        if ((${#verbs})); then _describe command verbs; return; fi ;;\n"
                "    esac\n", fn, root->name, fn, fn, fn);
        if (s->dynamic)
                sbuf_printf(&s->b, "    if [[ -n $ask ]]; then asked=(${(f)\"$(%s __complete $ask 2>/dev/null)\"}); compadd -a asked; fi\n", root->name);
        sbuf_printf(&s->b, "}\n\nif [[ $zsh_eval_context[-1] == loadautofunc ]]; then\n    %s \"$@\"\nelse\n    compdef %s %s\nfi\n", fn, fn, root->name);
}

char *opt_completion(const struct opt_command *root, const char *shell, bool dynamic) {
        struct script s = { .b = SBUF(TEXT_BYTES_MAX), .dynamic = dynamic };
        if (str_eq(shell, "bash")) {
                emit_bash(&s, root);
        } else if (str_eq(shell, "zsh")) {
                s.zsh = true;
                emit_zsh(&s, root);
        } else {
                return NULL;
        }
        return sbuf_steal(&s.b);
}

enum { MAN_DEPTH_MAX = 8 };

int opt_command_man_write(const char *dir, const struct opt_command *const *path, size_t n, struct dr_error *err) {
        auto_sbuf struct sbuf name = SBUF(4096);
        sbuf_puts(&name, dir);
        for (size_t i = 0; i < n; i++)
                sbuf_printf(&name, "%c%s", i ? '-' : '/', path[i]->name);
        sbuf_puts(&name, ".1");
        auto_free char *page = opt_command_man(path, n);
        FILE *f = fopen(sbuf_str(&name), "we");
        bool ok = f && fputs(page, f) >= 0;
        if (f && fclose(f) != 0)
                ok = false;
        if (!ok)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not write %s: %m", sbuf_str(&name));
        for (size_t i = 0; i < path[n - 1]->n_sub && n < MAN_DEPTH_MAX; i++) {
                const struct opt_command *below[MAN_DEPTH_MAX];
                if (path[n - 1]->sub[i]->hidden)
                        continue;
                memcpy(below, path, n * sizeof *below);
                below[n] = path[n - 1]->sub[i];
                int r = opt_command_man_write(dir, below, n + 1, err);
                if (r < 0)
                        return r;
        }
        return 0;
}
