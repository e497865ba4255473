// Small kernels that measure what the hardware gives: figures that no library function has. Each C function
// returns what its name says in the unit that its comment says, or a negative number with a cudaError_t.
#include <cooperative_groups.h>
#include <cuda_runtime.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace cg = cooperative_groups;

namespace {

constexpr int kThreads = 256;

double failed(cudaError_t status) { return -static_cast<double>(status) - 1; }

int multiprocessors() {
  int device = 0, count = 1;
  cudaGetDevice(&device);
  cudaDeviceGetAttribute(&count, cudaDevAttrMultiProcessorCount, device);
  return count;
}

// Milliseconds of each of several runs of `work`, the median of them.
template <class F>
double median_of(int runs, F work) {
  cudaEvent_t begin, end;
  cudaEventCreate(&begin);
  cudaEventCreate(&end);
  std::vector<float> times;
  for (int i = 0; i < runs + 3; ++i) {
    cudaEventRecord(begin);
    work();
    cudaEventRecord(end);
    cudaEventSynchronize(end);
    float ms = 0;
    cudaEventElapsedTime(&ms, begin, end);
    if (i >= 3) times.push_back(ms);
  }
  cudaEventDestroy(begin);
  cudaEventDestroy(end);
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

double or_failed(double value) {
  const cudaError_t status = cudaGetLastError();
  return status == cudaSuccess ? value : failed(status);
}

// Each block reads the same few megabytes again and again, each from another place on.
__global__ void read_again(const float4* data, size_t count, int times, float* out) {
  float sum = 0;
  size_t at = (static_cast<size_t>(blockIdx.x) * 7919 * kThreads + threadIdx.x) % count;
  for (int i = 0; i < times; ++i) {
    const float4 x = __ldcg(data + at);
    sum += x.x + x.y + x.z + x.w;
    at += kThreads;
    if (at >= count) at -= count;
  }
  if (sum == 1234.5f) *out = sum;
}

__global__ void copy_words(const float4* from, float4* to, size_t count) {
  const size_t step = static_cast<size_t>(gridDim.x) * kThreads;
  for (size_t i = static_cast<size_t>(blockIdx.x) * kThreads + threadIdx.x; i < count; i += step)
    to[i] = from[i];
}

// Each warp reads conflict-free, sixteen bytes a lane.
__global__ void read_shared(int times, float* out) {
  __shared__ float4 words[2048];
  for (int i = threadIdx.x; i < 2048; i += kThreads) words[i] = make_float4(i, 0, 0, 1);
  __syncthreads();
  float sum = 0;
  for (int i = 0; i < times; ++i) {
    const float4 x = words[(threadIdx.x + i * 32) & 2047];
    sum += x.x + x.w;
  }
  if (sum == 1234.5f) *out = sum;
}

__global__ void fused_multiply_adds(int times, float* out) {
  float a[8];
  for (int k = 0; k < 8; ++k) a[k] = threadIdx.x + k;
  for (int i = 0; i < times; ++i) {
#pragma unroll
    for (int k = 0; k < 8; ++k) a[k] = fmaf(a[k], 0.999f, 0.5f);
  }
  float sum = 0;
  for (int k = 0; k < 8; ++k) sum += a[k];
  if (sum == 1234.5f) *out = sum;
}

__global__ void nothing() {}

__global__ void grid_barriers(int times) {
  for (int i = 0; i < times; ++i) cg::this_grid().sync();
}

#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900
#define CLUSTER_OF_EIGHT __cluster_dims__(8, 1, 1)
#else
#define CLUSTER_OF_EIGHT
#endif

__global__ void CLUSTER_OF_EIGHT cluster_barriers(int times) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  for (int i = 0; i < times; ++i) cg::this_cluster().sync();
#endif
}

}  // namespace

extern "C" {

// Bytes per second, read and write counted, of buffers of `bytes` each.
double copy_bandwidth(size_t bytes) {
  float4 *from = nullptr, *to = nullptr;
  if (const cudaError_t status = cudaMalloc(&from, bytes)) return failed(status);
  if (const cudaError_t status = cudaMalloc(&to, bytes)) return failed(status);
  cudaMemset(from, 1, bytes);
  const int blocks = multiprocessors() * 8;
  const double ms = median_of(15, [&] { copy_words<<<blocks, kThreads>>>(from, to, bytes / 16); });
  const double rate = or_failed(2.0 * static_cast<double>(bytes) / ms * 1e3);
  cudaFree(from);
  cudaFree(to);
  return rate;
}

// Bytes per second read from the second cache.
double l2_bandwidth(void) {
  const size_t bytes = size_t{16} << 20;
  float4* data = nullptr;
  if (const cudaError_t status = cudaMalloc(&data, bytes)) return failed(status);
  cudaMemset(data, 0, bytes);
  const int blocks = multiprocessors() * 8, times = 2000;
  const double ms = median_of(
      9, [&] { read_again<<<blocks, kThreads>>>(data, bytes / 16, times, reinterpret_cast<float*>(data)); });
  const double rate = or_failed(16.0 * blocks * kThreads * times / ms * 1e3);
  cudaFree(data);
  return rate;
}

// Bytes per second read from shared memory, all multiprocessors together.
double shared_bandwidth(void) {
  const int blocks = multiprocessors() * 6, times = 20000;
  const double ms = median_of(9, [&] { read_shared<<<blocks, kThreads>>>(times, nullptr); });
  return or_failed(16.0 * blocks * kThreads * times / ms * 1e3);
}

// Bytes per second from the host's memory to the device, pinned or as malloc gives it.
static double upload(bool pinned) {
  const size_t bytes = size_t{64} << 20;
  void *host = nullptr, *device = nullptr;
  cudaError_t status = cudaMalloc(&device, bytes);
  if (pinned && status == cudaSuccess) status = cudaHostAlloc(&host, bytes, cudaHostAllocDefault);
  if (!pinned) host = std::malloc(bytes);
  if (status == cudaSuccess && host == nullptr) status = cudaErrorMemoryAllocation;
  double ms = 0;
  if (status == cudaSuccess) {
    std::memset(host, 1, bytes);
    ms = median_of(9, [&] { cudaMemcpyAsync(device, host, bytes, cudaMemcpyHostToDevice); });
  }
  pinned ? static_cast<void>(cudaFreeHost(host)) : std::free(host);
  cudaFree(device);
  return status == cudaSuccess ? or_failed(static_cast<double>(bytes) / ms * 1e3) : failed(status);
}
double upload_pinned(void) { return upload(true); }
double upload_pageable(void) { return upload(false); }

// Floating point operations per second of f32 FMA.
double fma_rate(void) {
  const int blocks = multiprocessors() * 8, times = 40000;
  const double ms = median_of(9, [&] { fused_multiply_adds<<<blocks, kThreads>>>(times, nullptr); });
  return or_failed(16.0 * blocks * kThreads * times / ms * 1e3);
}

// Seconds of the host for one launch of many.
double launch_host(void) {
  const int times = 2000;
  cudaDeviceSynchronize();
  double best = 1;
  for (int run = 0; run < 5; ++run) {
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < times; ++i) nothing<<<1, 32>>>();
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
    best = std::min(best, taken.count() / times);
    cudaDeviceSynchronize();
  }
  return or_failed(best);
}

// Seconds from a launch to the host's knowing that it has run.
double launch_round_trip(void) {
  cudaDeviceSynchronize();
  double best = 1;
  for (int run = 0; run < 200; ++run) {
    const auto begin = std::chrono::steady_clock::now();
    nothing<<<1, 32>>>();
    cudaDeviceSynchronize();
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
    best = std::min(best, taken.count());
  }
  return or_failed(best);
}

// Seconds of the device for each empty kernel of a replayed graph.
double graph_node(void) {
  const int nodes = 1000;
  cudaStream_t stream;
  cudaGraph_t graph;
  cudaGraphExec_t exec;
  cudaStreamCreate(&stream);
  cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal);
  for (int i = 0; i < nodes; ++i) nothing<<<1, 32, 0, stream>>>();
  cudaStreamEndCapture(stream, &graph);
  if (const cudaError_t status = cudaGraphInstantiate(&exec, graph, 0)) return failed(status);
  std::vector<float> times;
  cudaEvent_t begin, end;
  cudaEventCreate(&begin);
  cudaEventCreate(&end);
  for (int i = 0; i < 10; ++i) {
    cudaEventRecord(begin, stream);
    cudaGraphLaunch(exec, stream);
    cudaEventRecord(end, stream);
    cudaEventSynchronize(end);
    float ms = 0;
    cudaEventElapsedTime(&ms, begin, end);
    times.push_back(ms);
  }
  std::sort(times.begin(), times.end());
  cudaGraphExecDestroy(exec);
  cudaGraphDestroy(graph);
  cudaStreamDestroy(stream);
  return or_failed(times[times.size() / 2] / nodes / 1e3);
}

// Seconds of one barrier of a grid with a block on every multiprocessor.
double grid_barrier(void) {
  int times = 2000;
  void* arguments[] = {&times};
  const double ms = median_of(7, [&] {
    cudaLaunchCooperativeKernel(reinterpret_cast<void*>(&grid_barriers), dim3(multiprocessors()),
                                dim3(kThreads), arguments, 0, nullptr);
  });
  return or_failed(ms / times / 1e3);
}

// Seconds of one barrier of a cluster of eight blocks.
double cluster_barrier(void) {
  int device = 0, major = 0;
  cudaGetDevice(&device);
  cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device);
  if (major < 9) return failed(cudaErrorNotSupported);
  const int times = 20000;
  const double ms = median_of(7, [&] { cluster_barriers<<<8 * 8, kThreads>>>(times); });
  return or_failed(ms / times / 1e3);
}

}  // extern "C"
