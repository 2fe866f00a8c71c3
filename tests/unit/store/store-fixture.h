/* store-fixture.h: builders and observers for tests of stores; every kind of store behind the same face. */
#pragma once
#include <errno.h>
#include <ftw.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/map.h"
#include "base/sbuf.h"
#include "check.h"
#include "faulty-vfs.h"
#include "store/store.h"

static inline int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw) { return remove(path); }

static inline char *make_dir(void) {
        const char *base = getenv("TMPDIR");
        char *dir = dr_xasprintf("%s/drover-store-XXXXXX", base ? base : "/tmp");
        CHECK(mkdtemp(dir) != NULL);
        return dir;
}
static inline void remove_dir(char *dir) {
        nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        free(dir);
}
DR_DEFINE_AUTO(char *, remove_dir)

/* ---- one kind of store ---- */
enum kind { KIND_MEM, KIND_SQLITE, KIND_MAX };
struct fix {
        enum kind kind;
        struct mem_disk *disk;
        char *dir;
        struct store *store;
        /* What poll() told. */
        VEC(uint64_t) seqs;
        VEC(enum store_result) results;
        char message[256];              /* of the last failure */
};

static inline void fix_open(struct fix *f) {
        struct dr_error err = { 0 };
        if (f->kind == KIND_MEM)
                f->store = store_open_mem(f->disk);
        else
                CHECK_OK(store_open_sqlite(f->dir, &f->store, &err), &err);
}
static inline void fix_close(struct fix *f) {
        if (f->store)
                f->store->ops->close(f->store);
        f->store = NULL;
}
static inline void fix_reopen(struct fix *f) {
        fix_close(f);
        fix_open(f);
}
static inline struct fix fix_new(enum kind kind) {
        faulty_vfs_install();
        faulty_vfs_clear();
        struct fix f = { .kind = kind };
        if (kind == KIND_MEM)
                f.disk = mem_disk_new();
        else
                f.dir = make_dir();
        fix_open(&f);
        return f;
}
static inline void fix_done(struct fix *f) {
        fix_close(f);
        mem_disk_free(f->disk);
        if (f->dir)
                remove_dir(f->dir);
        vec_done(&f->seqs);
        vec_done(&f->results);
}
/* The next commit fails as a full disk would make it. */
static inline void fix_fail_next(struct fix *f) {
        if (f->kind == KIND_MEM)
                mem_store_fault(f->store, 1, STORE_FAILED, false, false);
        else
                faulty_vfs_arm(FAULT_WRITE, 1, true);
}
static inline void fix_heal(struct fix *f) {
        if (f->kind == KIND_MEM)
                mem_store_fault(f->store, 0, STORE_OK, false, false);
        else
                faulty_vfs_clear();
}
static inline void fix_answer(void *arg, uint64_t seq, enum store_result r, const char *message) {
        struct fix *f = arg;
        vec_push(&f->seqs, seq);
        vec_push(&f->results, r);
        if (message)
                snprintf(f->message, sizeof f->message, "%s", message);
}
static inline void fix_poll(struct fix *f) {
        f->store->ops->wait(f->store);
        f->store->ops->poll(f->store, fix_answer, f);
}

/* ---- batches ---- */
static inline void add(struct store_batch *b, enum store_op_kind kind, const char *table, int64_t id, const char *body) {
        store_batch_add(b, kind, table, id, 0, 0, dr_xstrdup(body), body ? strlen(body) : 0);
}
static inline void add_history(struct store_batch *b, const char *table, int64_t id, int64_t account, int64_t at_ms, const char *body) {
        store_batch_add(b, STORE_HISTORY, table, id, account, at_ms, dr_xstrdup(body), strlen(body));
}
static inline void submit(struct fix *f, struct store_batch *b) { f->store->ops->submit(f->store, b); }
static inline void submit_put(struct fix *f, uint64_t seq, const char *table, int64_t id, const char *body) {
        struct store_batch *b = store_batch_new(seq);
        add(b, STORE_PUT, table, id, body);
        submit(f, b);
}

/* ---- what a store holds, as text: one line per row ---- */
static inline void dump_row(void *arg, const char *table, int64_t id, int64_t account, const char *body, size_t len) {
        CHECK_INT(body[len], ==, 0);
        sbuf_printf(arg, "%s %lld %s\n", table, (long long) id, body);
}
static inline void dump_meta(void *arg, const char *key, const char *value) { sbuf_printf(arg, "meta %s %s\n", key, value); }
static inline char *dump(struct fix *f) {
        struct sbuf b = SBUF(1 << 24);
        struct dr_error err = { 0 };
        CHECK_OK(f->store->ops->load(f->store, dump_row, dump_row, dump_meta, &b, &err), &err);
        return sbuf_steal(&b);
}

struct page { struct sbuf ids; int result; bool done; };
static inline void page_row(void *arg, const char *table, int64_t id, int64_t account, const char *body, size_t len) {
        struct page *p = arg;
        CHECK(!p->done);
        sbuf_printf(&p->ids, "%lld/%lld:%s ", (long long) id, (long long) account, body);
}
static inline void page_done(void *arg, int result, const char *message) {
        struct page *p = arg;
        CHECK(!p->done);
        p->done = true;
        p->result = result;
}
static inline char *history(struct fix *f, struct store_history_query q) {
        struct page p = { .ids = SBUF(1 << 20) };
        f->store->ops->history(f->store, &q, page_row, page_done, &p);
        fix_poll(f);
        CHECK(p.done);
        CHECK_INT(p.result, ==, 0);
        return sbuf_steal(&p.ids);
}
