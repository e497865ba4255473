// Pinned memory between the host and a device: the device reads and writes it while the host goes on, at
// twice the speed of other memory and more.
#pragma once

#include <array>
#include <memory>

#include "device/cuda/points.h"

namespace hebb::cuda {

inline constexpr size_t kStagingPiece = size_t{4} << 20;
inline constexpr size_t kStagingPieces = 4;
inline constexpr size_t kMostLanding = size_t{256} << 10;
inline constexpr size_t kAllLandings = size_t{32} << 20;

// What goes to the device, through a ring of pieces: one is filled while the device reads those before it.
class Uploads {
 public:
  explicit Uploads(const stream::CudaApi& api, Points& points) : api_(api), points_(points) {}
  ~Uploads();
  Uploads(const Uploads&) = delete;
  Uploads& operator=(const Uploads&) = delete;

  // Queues the copy; what it is from may be reused at once. Returns a cudaError_t.
  int put(void* to, const void* from, size_t bytes, void* queue);

 private:
  struct Piece {
    char* data = nullptr;  // allocated when it is first filled
    uint64_t read = 0;     // the point at which the device has read it
  };

  int put_part(char* to, const char* from, size_t bytes, void* queue);
  int next_piece(void* queue);

  const stream::CudaApi& api_;
  Points& points_;
  std::array<Piece, kStagingPieces> pieces_;
  size_t current_ = 0;
  size_t used_ = 0;  // bytes of the current piece
};

// Where what comes from the device lands: memory that is used again when it is no longer held.
class Landings {
 public:
  explicit Landings(const stream::CudaApi& api);

  // Null where so much is not kept, or refused. May be let go on any thread.
  std::shared_ptr<void> take(size_t bytes);

 private:
  struct Pool;
  std::shared_ptr<Pool> pool_;
};

}  // namespace hebb::cuda
