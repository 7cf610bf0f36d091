/* A libnvidia-ml.so.1 with what pynvml needs of it. The file $FAKE_NVML is read at each call; lines of it:

     init CODE                   what nvmlInit answers (0: well; 18: another version than the driver's)
     version N                   what is installed; who loaded another one must load it anew (nvmlInit answers 18)
     slow MS                     each call takes so long
     hang                        the next call never returns
     device NAME TOTAL RESERVED FREE USED LOAD TEMP POWER CODE    bytes, %, degrees, mW; CODE 15: lost
     process DEVICE PID BYTES    BYTES -1: not told
     drawing DEVICE PID BYTES    the same, in the list of those that draw
     old                         a driver that does not know version 2 of the memory
     memory CODE                 what both questions for the memory answer
     unified                     one that has no memory of its own

   Each call adds a byte to $FAKE_NVML.calls. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST 8
#define MANY 64

typedef unsigned long long u64;
typedef struct { unsigned version; u64 total, reserved, free, used; } memory_v2;
typedef struct { u64 total, free, used; } memory_v1;
typedef struct { unsigned gpu, memory; } utilisation;
typedef struct { unsigned pid; u64 used; unsigned gpu_instance, compute_instance; } process;
typedef struct { char name[96]; u64 total, reserved, free, used; unsigned load, temp, power; int code; } device;

static int loaded_version, version, init_code, devices, computing, drawing, old, unified, memory_code;
static device device_list[MOST];
static process computing_list[MANY], drawing_list[MANY];
static int computing_on[MANY], drawing_on[MANY];

static void obey(char *line) {
    device *d = &device_list[devices < MOST ? devices : 0];
    int on, pid, ms;
    long long size;
    if (sscanf(line, "init %d", &init_code) == 1) return;
    if (sscanf(line, "version %d", &version) == 1) return;
    if (sscanf(line, "slow %d", &ms) == 1) { usleep(ms * 1000); return; }
    if (!strncmp(line, "hang", 4)) for (;;) pause();
    if (sscanf(line, "memory %d", &memory_code) == 1) return;
    if (!strncmp(line, "old", 3)) { old = 1; return; }
    if (!strncmp(line, "unified", 7)) { unified = 1; return; }
    if (sscanf(line, "device %95s %llu %llu %llu %llu %u %u %u %d", d->name, &d->total, &d->reserved, &d->free,
               &d->used, &d->load, &d->temp, &d->power, &d->code) == 9) devices++;
    if (sscanf(line, "process %d %d %lld", &on, &pid, &size) == 3 && computing < MANY) {
        computing_on[computing] = on;
        computing_list[computing++] = (process){pid, (u64)size, 0, 0};
    }
    if (sscanf(line, "drawing %d %d %lld", &on, &pid, &size) == 3 && drawing < MANY) {
        drawing_on[drawing] = on;
        drawing_list[drawing++] = (process){pid, (u64)size, 0, 0};
    }
}

static void look(void) {
    char path[4096], line[512];
    FILE *file = fopen(getenv("FAKE_NVML"), "r"), *calls;
    version = init_code = devices = computing = drawing = old = unified = memory_code = 0;
    snprintf(path, sizeof path, "%s.calls", getenv("FAKE_NVML"));
    if ((calls = fopen(path, "a"))) { fputc('.', calls); fclose(calls); }
    if (!file) { init_code = 9; return; }
    while (fgets(line, sizeof line, file)) obey(line);
    fclose(file);
}

static device *at(void *handle) {
    look();
    return &device_list[(size_t)handle - 1];
}

static int list(void *handle, unsigned *count, process *out, process *from, int *on) {
    device *d = at(handle);
    unsigned found = 0, room = *count;
    int index = (int)(size_t)handle - 1;
    int known = from == computing_list ? computing : drawing;
    if (d->code) return d->code;
    for (int i = 0; i < known; i++) {
        if (on[i] != index) continue;
        if (found < room && out) out[found] = from[i];
        found++;
    }
    *count = found;
    return found > room ? 7 : 0;
}

__attribute__((constructor)) static void loaded(void) {
    look();
    loaded_version = version;
}

int nvmlInitWithFlags(unsigned flags) {
    (void)flags;
    look();
    return version == loaded_version ? init_code : 18;
}

int nvmlShutdown(void) { return 0; }
const char *nvmlErrorString(int code) { (void)code; return "fake error"; }
int nvmlDeviceGetCount_v2(unsigned *count) { look(); *count = devices; return init_code; }

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **handle) {
    *handle = (void *)(size_t)(index + 1);
    return at(*handle)->code;
}

int nvmlDeviceGetName(void *handle, char *out, unsigned room) { snprintf(out, room, "%s", at(handle)->name); return 0; }

int nvmlDeviceGetUUID(void *handle, char *out, unsigned room) {
    snprintf(out, room, "GPU-%zu", (size_t)handle - 1);
    return 0;
}

int nvmlDeviceGetMemoryInfo_v2(void *handle, memory_v2 *out) {
    device *d = at(handle);
    if (old) return 25;
    if (unified) return 3;
    if (memory_code) return memory_code;
    out->total = d->total, out->reserved = d->reserved, out->free = d->free, out->used = d->used;
    return version != loaded_version ? 18 : d->code;
}

int nvmlDeviceGetMemoryInfo(void *handle, memory_v1 *out) {
    device *d = at(handle);
    if (memory_code) return memory_code;
    out->total = d->total, out->free = d->free, out->used = d->used + d->reserved;
    return version != loaded_version ? 18 : d->code;
}

int nvmlDeviceGetUtilizationRates(void *handle, utilisation *out) {
    device *d = at(handle);
    out->gpu = d->load, out->memory = 0;
    return d->code;
}

int nvmlDeviceGetTemperature(void *handle, int sensor, unsigned *out) {
    device *d = at(handle);
    *out = d->temp;
    return sensor ? 2 : d->code;
}

int nvmlDeviceGetPowerUsage(void *handle, unsigned *out) {
    device *d = at(handle);
    *out = d->power;
    return d->power ? d->code : 3;
}

int nvmlDeviceGetComputeRunningProcesses_v3(void *handle, unsigned *count, process *out) {
    return list(handle, count, out, computing_list, computing_on);
}

int nvmlDeviceGetGraphicsRunningProcesses_v3(void *handle, unsigned *count, process *out) {
    return list(handle, count, out, drawing_list, drawing_on);
}
