#include "faulty-vfs.h"

#include <assert.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

struct faulty_file { sqlite3_file base; sqlite3_file *real; };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static enum fault armed;
static uint64_t countdown;
static bool stays, hit;
static sqlite3_vfs *real_vfs, vfs;

void faulty_vfs_arm(enum fault fault, uint64_t n, bool stay) {
        pthread_mutex_lock(&lock);
        armed = fault;
        countdown = n;
        stays = stay;
        hit = false;
        pthread_mutex_unlock(&lock);
}
void faulty_vfs_clear(void) { faulty_vfs_arm(FAULT_NONE, 0, false); }
bool faulty_vfs_was_hit(void) {
        pthread_mutex_lock(&lock);
        bool h = hit;
        pthread_mutex_unlock(&lock);
        return h;
}

static bool fails(enum fault fault) {
        pthread_mutex_lock(&lock);
        bool f = false;
        if (armed == fault && fault != FAULT_NONE) {
                if (countdown > 0)
                        countdown--;
                f = countdown == 0;
                if (f) {
                        hit = true;
                        if (!stays)
                                armed = FAULT_NONE;
                }
        }
        pthread_mutex_unlock(&lock);
        return f;
}

#define REAL(f) (((struct faulty_file *) (f))->real)
static int f_close(sqlite3_file *f) {
        int r = REAL(f)->pMethods->xClose(REAL(f));
        free(REAL(f));
        return r;
}
static int f_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at) { return REAL(f)->pMethods->xRead(REAL(f), p, n, at); }
static int f_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at) {
        if (fails(FAULT_WRITE))
                return SQLITE_FULL;
        if (fails(FAULT_IO))
                return SQLITE_IOERR_WRITE;
        return REAL(f)->pMethods->xWrite(REAL(f), p, n, at);
}
static int f_truncate(sqlite3_file *f, sqlite3_int64 n) { return REAL(f)->pMethods->xTruncate(REAL(f), n); }
static int f_sync(sqlite3_file *f, int flags) {
        if (fails(FAULT_SYNC))
                return SQLITE_IOERR_FSYNC;
        return REAL(f)->pMethods->xSync(REAL(f), flags);
}
static int f_size(sqlite3_file *f, sqlite3_int64 *n) { return REAL(f)->pMethods->xFileSize(REAL(f), n); }
static int f_lock(sqlite3_file *f, int l) { return REAL(f)->pMethods->xLock(REAL(f), l); }
static int f_unlock(sqlite3_file *f, int l) { return REAL(f)->pMethods->xUnlock(REAL(f), l); }
static int f_reserved(sqlite3_file *f, int *r) { return REAL(f)->pMethods->xCheckReservedLock(REAL(f), r); }
static int f_control(sqlite3_file *f, int op, void *p) { return REAL(f)->pMethods->xFileControl(REAL(f), op, p); }
static int f_sector(sqlite3_file *f) { return REAL(f)->pMethods->xSectorSize(REAL(f)); }
static int f_device(sqlite3_file *f) { return REAL(f)->pMethods->xDeviceCharacteristics(REAL(f)); }
static int f_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **p) {
        if (extend && fails(FAULT_SHM))
                return SQLITE_IOERR_SHMSIZE;
        return REAL(f)->pMethods->xShmMap(REAL(f), page, size, extend, p);
}
static int f_shm_lock(sqlite3_file *f, int offset, int n, int flags) { return REAL(f)->pMethods->xShmLock(REAL(f), offset, n, flags); }
static void f_shm_barrier(sqlite3_file *f) { REAL(f)->pMethods->xShmBarrier(REAL(f)); }
static int f_shm_unmap(sqlite3_file *f, int del) { return REAL(f)->pMethods->xShmUnmap(REAL(f), del); }

static const sqlite3_io_methods methods = {
        .iVersion = 2, .xClose = f_close, .xRead = f_read, .xWrite = f_write, .xTruncate = f_truncate, .xSync = f_sync,
        .xFileSize = f_size, .xLock = f_lock, .xUnlock = f_unlock, .xCheckReservedLock = f_reserved, .xFileControl = f_control,
        .xSectorSize = f_sector, .xDeviceCharacteristics = f_device, .xShmMap = f_shm_map, .xShmLock = f_shm_lock,
        .xShmBarrier = f_shm_barrier, .xShmUnmap = f_shm_unmap,
};

static int v_open(sqlite3_vfs *v, const char *name, sqlite3_file *file, int flags, int *out) {
        struct faulty_file *f = (struct faulty_file *) file;
        f->base.pMethods = NULL;
        f->real = calloc(1, (size_t) real_vfs->szOsFile);
        assert(f->real);
        int r = real_vfs->xOpen(real_vfs, name, f->real, flags, out);
        if (r == SQLITE_OK)
                f->base.pMethods = &methods;
        else
                free(f->real);
        return r;
}

void faulty_vfs_install(void) {
        if (real_vfs)
                return;
        real_vfs = sqlite3_vfs_find(NULL);
        vfs = *real_vfs;
        vfs.zName = "faulty";
        vfs.pNext = NULL;
        vfs.szOsFile = sizeof(struct faulty_file);
        vfs.xOpen = v_open;
        sqlite3_vfs_register(&vfs, 1);
}
