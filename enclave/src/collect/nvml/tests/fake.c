/* A driver's library that answers from files beside it: `NAME.GPU` holds a number in digits, or bytes. Its layouts are written
 * from NVIDIA's header, not from the Rust ones. The code that a function returns is in `FUNCTION.0`, 0 without such a file. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    unsigned int version, environment, ccFeature, devToolsMode, multiGpuMode;
} Settings;
typedef struct {
    unsigned int certChainSize, attestationCertChainSize;
    unsigned char certChain[0x1000], attestationCertChain[0x1400];
} Certificate;
typedef struct {
    unsigned int isCecAttestationReportPresent, attestationReportSize, cecAttestationReportSize;
    unsigned char nonce[0x20], attestationReport[0x2000], cecAttestationReport[0x1000];
} Report;

static FILE *beside(const char *name, int gpu, const char *mode) {
    Dl_info self;
    char path[4096];
    if (!dladdr((void *)beside, &self)) return NULL;
    int folder = (int)(strrchr(self.dli_fname, '/') - self.dli_fname);
    snprintf(path, sizeof path, "%.*s/%s.%d", folder, self.dli_fname, name, gpu);
    return fopen(path, mode);
}

static unsigned int number(const char *name, int gpu, unsigned int otherwise) {
    FILE *file = beside(name, gpu, "r");
    if (!file) return otherwise;
    fscanf(file, "%u", &otherwise);
    fclose(file);
    return otherwise;
}

static unsigned int bytes(const char *name, int gpu, void *into, size_t size) {
    FILE *file = beside(name, gpu, "r");
    if (!file) return 0;
    unsigned int found = (unsigned int)fread(into, 1, size, file);
    fclose(file);
    return found;
}

static void keep(const char *name, int gpu, const void *from, size_t size) {
    FILE *file = beside(name, gpu, "w");
    if (!file) return;
    fwrite(from, 1, size, file);
    fclose(file);
}

#define ANSWER number(__func__, 0, 0)
/* Handles are numbers from 1, so that a null handle is noticed. */
#define GPU(device) ((int)(long)(device) - 1)

static int initialised;

unsigned int nvmlInit_v2(void) {
    initialised = 1;
    return ANSWER;
}

unsigned int nvmlDeviceGetCount_v2(unsigned int *count) {
    if (!initialised) return 1;
    *count = number("count", 0, 0);
    return ANSWER;
}

unsigned int nvmlDeviceGetHandleByIndex_v2(unsigned int index, void **device) {
    if (index >= number("count", 0, 0)) return 2;
    *device = (void *)(long)(index + 1);
    return ANSWER;
}

unsigned int nvmlDeviceGetArchitecture(void *device, unsigned int *architecture) {
    *architecture = number("architecture", GPU(device), 9);
    return ANSWER;
}

#ifndef OLD
unsigned int nvmlSystemGetConfComputeSettings(Settings *settings) {
    if (settings->version != (sizeof(Settings) | 1 << 24)) return 25;
    settings->environment = number("environment", 0, 2);
    settings->ccFeature = number("feature", 0, 1);
    settings->devToolsMode = number("developer", 0, 0);
    settings->multiGpuMode = number("several", 0, 0);
    return ANSWER;
}
#endif

unsigned int nvmlDeviceGetConfComputeGpuCertificate(void *device, Certificate *found) {
    unsigned int size = bytes("chain", GPU(device), found->attestationCertChain, 0x1400);
    found->attestationCertChainSize = number("chain_size", GPU(device), size);
    return ANSWER;
}

unsigned int nvmlDeviceGetConfComputeGpuAttestationReport(void *device, Report *found) {
    keep("asked", GPU(device), found->nonce, sizeof found->nonce);
    unsigned int size = bytes("report", GPU(device), found->attestationReport, 0x2000);
    found->attestationReportSize = number("report_size", GPU(device), size);
    return ANSWER;
}

unsigned int nvmlSystemGetConfComputeGpusReadyState(unsigned int *accepting) {
    *accepting = number("ready", 0, 0);
    return ANSWER;
}

unsigned int nvmlSystemSetConfComputeGpusReadyState(unsigned int accepting) {
    char digit = '0' + (char)accepting;
    if (!number("stuck", 0, 0)) keep("ready", 0, &digit, 1);
    return ANSWER;
}
