#include "device/cuda/staging.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <map>
#include <mutex>
#include <vector>

namespace hebb::cuda {

namespace {

// Of the first byte of each copy.
constexpr size_t kUnit = 64;
constexpr size_t kLeastLanding = 4096;

}  // namespace

Uploads::~Uploads() {
  for (const Piece& piece : pieces_) {
    if (piece.data != nullptr) api_.release_host(piece.data);
  }
}

int Uploads::put(void* to, const void* from, size_t bytes, void* queue) {
  auto* target = static_cast<char*>(to);
  auto* source = static_cast<const char*>(from);
  while (bytes > 0) {
    if (used_ == kStagingPiece) {
      const int status = next_piece(queue);
      if (status != stream::kCudaSuccess) return status;
    }
    Piece& piece = pieces_[current_];
    void* fresh = nullptr;
    if (piece.data == nullptr && api_.allocate_host(&fresh, kStagingPiece) != stream::kCudaSuccess)
      return api_.copy(target, source, bytes, queue);  // slower: the driver waits
    if (fresh != nullptr) piece.data = static_cast<char*>(fresh);
    const size_t part = std::min(bytes, kStagingPiece - used_);
    const int status = put_part(target, source, part, queue);
    if (status != stream::kCudaSuccess) return status;
    target += part;
    source += part;
    bytes -= part;
  }
  return stream::kCudaSuccess;
}

// Into the current piece, which has room for it.
int Uploads::put_part(char* to, const char* from, size_t bytes, void* queue) {
  Piece& piece = pieces_[current_];
  if (used_ == 0) {
    const int status = points_.wait(piece.read);
    if (status != stream::kCudaSuccess) return status;
  }
  std::memcpy(piece.data + used_, from, bytes);
  const int status = api_.copy(to, piece.data + used_, bytes, queue);
  if (status != stream::kCudaSuccess) return status;
  used_ = (used_ + bytes + kUnit - 1) / kUnit * kUnit;
  // At once: a later point would be behind what is queued until then.
  return used_ == kStagingPiece ? next_piece(queue) : stream::kCudaSuccess;
}

// The current piece is full. Without a point it stays so: nothing would tell when it may be filled again.
int Uploads::next_piece(void* queue) {
  const int status = points_.make(queue, &pieces_[current_].read);
  if (status != stream::kCudaSuccess) return status;
  current_ = (current_ + 1) % kStagingPieces;
  used_ = 0;
  return stream::kCudaSuccess;
}

struct Landings::Pool {
  explicit Pool(const stream::CudaApi& api_of) : api(api_of) {}
  ~Pool() {
    for (const auto& [size, kept] : sizes) {
      for (void* data : kept.unused) api.release_host(data);
    }
  }

  struct Size {
    std::vector<void*> unused;  // has room for all there are, so that giving one back cannot fail
    size_t made = 0;
  };

  const stream::CudaApi& api;
  std::mutex mutex;
  std::map<size_t, Size> sizes;
  size_t bytes = 0;  // of all there are

  void* take(size_t size);
  void give_back(size_t size, void* data) {
    const std::lock_guard lock(mutex);
    sizes[size].unused.push_back(data);
  }
};

Landings::Landings(const stream::CudaApi& api) : pool_(std::make_shared<Pool>(api)) {}

void* Landings::Pool::take(size_t size) {
  const std::lock_guard lock(mutex);
  Size& kept = sizes[size];
  if (kept.unused.empty()) {
    void* data = nullptr;
    if (bytes + size > kAllLandings) return nullptr;
    kept.unused.reserve(kept.made + 1);
    if (api.allocate_host(&data, size) != stream::kCudaSuccess) return nullptr;
    kept.unused.push_back(data);
    ++kept.made;
    bytes += size;
  }
  void* data = kept.unused.back();
  kept.unused.pop_back();
  return data;
}

std::shared_ptr<void> Landings::take(size_t bytes) {
  if (bytes == 0 || bytes > kMostLanding) return nullptr;
  const size_t size = std::max(std::bit_ceil(bytes), kLeastLanding);
  void* data = pool_->take(size);
  if (data == nullptr) return nullptr;
  return {data, [pool = pool_, size](void* used) { pool->give_back(size, used); }};
}

}  // namespace hebb::cuda
