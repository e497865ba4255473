// Pooling on the CPU: vectors run over channels, rows of images over threads.
#include "kernels/pool.h"

#include "kernels/cpu/lanes.h"
#include "kernels/cpu/pool_tiled.h"
#include "kernels/cpu/tile_epilogue.h"
#include "kernels/cpu/widen.h"

namespace hebb::kernels::HEBB_ISA {
namespace {
namespace pool {

// What an average divides by: the elements inside the image, or inside the padded one.
HEBB_INLINE int64_t counted(const PoolParams& p, int axis, const Span& span, int64_t extent) {
  if (!p.count_pads) return span.end - span.first;
  return least(p.size[axis], extent + p.after[axis] - span.start);
}

// Tap numbers are u8 or i32 in memory and T, which holds them exactly, in a row of scratch memory beside
// vectors of T.
template <class T, class Tap>
void store_taps(const T* taps, int64_t count, Tap* to) {
  for (int64_t i = 0; i < count; ++i) to[i] = static_cast<Tap>(static_cast<int32_t>(taps[i]));
}
template <class T, class Tap>
void load_taps(const Tap* from, int64_t count, T* taps) {
  for (int64_t i = 0; i < count; ++i) taps[i] = static_cast<T>(static_cast<int32_t>(from[i]));
}

template <class T>
void max_window(const Geometry& g, const T* image, const Span& down, const Span& across, T* y, T* taps) {
  using Vec = V<T>;
  const PoolParams& p = g.params;
  for_channels<T>(g.channels, [&](int64_t c, auto lanes) {
    Vec best = Vec::set1(static_cast<T>(-__builtin_inf()));
    Vec where = Vec::set1(static_cast<T>(down.first * p.size[1] + across.first));
    for (int64_t u = down.first; u < down.end; ++u) {
      const T* at = image + ((down.start + u * p.dilation[0]) * g.width + across.start) * g.channels + c;
      for (int64_t v = across.first; v < across.end; ++v) {
        const Vec x = lanes.load(at + v * p.dilation[1] * g.channels);
        // Larger or NaN; a best that is NaN itself stays.
        const auto take = (!(x <= best)) & (best == best);
        best = select(take, x, best);
        where = select(take, Vec::set1(static_cast<T>(u * p.size[1] + v)), where);
      }
    }
    lanes.store(best, y + c);
    lanes.store(where, taps + c);
  });
}

// The element that the tap of a window names, 0 where that is padding.
template <class T>
void pick_window(const Geometry& g, const T* image, const Span& down, const Span& across, T* y,
                 const T* taps) {
  using Vec = V<T>;
  const PoolParams& p = g.params;
  for_channels<T>(g.channels, [&](int64_t c, auto lanes) {
    const Vec where = lanes.load(taps + c);
    Vec picked = Vec::set1(T(0));
    for (int64_t u = down.first; u < down.end; ++u) {
      const T* at = image + ((down.start + u * p.dilation[0]) * g.width + across.start) * g.channels + c;
      for (int64_t v = across.first; v < across.end; ++v) {
        const Vec x = lanes.load(at + v * p.dilation[1] * g.channels);
        picked = select(where == Vec::set1(static_cast<T>(u * p.size[1] + v)), x, picked);
      }
    }
    lanes.store(picked, y + c);
  });
}

template <class T>
void mean_window(const Geometry& g, const T* image, const Span& down, const Span& across, T* y) {
  using Vec = V<T>;
  const PoolParams& p = g.params;
  const Vec count = Vec::set1(static_cast<T>(counted(p, 0, down, g.height) * counted(p, 1, across, g.width)));
  for_channels<T>(g.channels, [&](int64_t c, auto lanes) {
    Vec sum = Vec::set1(T(0));
    for (int64_t u = down.first; u < down.end; ++u) {
      const T* at = image + ((down.start + u * p.dilation[0]) * g.width + across.start) * g.channels + c;
      for (int64_t v = across.first; v < across.end; ++v)
        sum = sum + lanes.load(at + v * p.dilation[1] * g.channels);
    }
    lanes.store(sum / count, y + c);
  });
}

// `to` is the row of dx that tap row u of the window lies on.
template <class T>
void max_grad_window(const Geometry& g, T* to, const T* dy, const T* taps, const Span& across, int64_t u) {
  using Vec = V<T>;
  const PoolParams& p = g.params;
  for_channels<T>(g.channels, [&](int64_t c, auto lanes) {
    const Vec d = lanes.load(dy + c), where = lanes.load(taps + c);
    for (int64_t v = across.first; v < across.end; ++v) {
      T* at = to + (across.start + v * p.dilation[1]) * g.channels + c;
      const Vec mine = select(where == Vec::set1(static_cast<T>(u * p.size[1] + v)), d, Vec::set1(T(0)));
      lanes.store(g.overlaps ? lanes.load(at) + mine : mine, at);
    }
  });
}

template <class T>
void mean_grad_window(const Geometry& g, T* to, const T* dy, const Span& down, const Span& across) {
  using Vec = V<T>;
  const PoolParams& p = g.params;
  const Vec count = Vec::set1(static_cast<T>(counted(p, 0, down, g.height) * counted(p, 1, across, g.width)));
  for_channels<T>(g.channels, [&](int64_t c, auto lanes) {
    const Vec share = lanes.load(dy + c) / count;
    for (int64_t v = across.first; v < across.end; ++v) {
      T* at = to + (across.start + v * p.dilation[1]) * g.channels + c;
      lanes.store(g.overlaps ? lanes.load(at) + share : share, at);
    }
  });
}

// body(image, row of it, thread) for all rows of the result, `rows` of `size` elements each in an image; the
// epilogue follows some of them at a time.
template <class F>
void for_result_rows(stream::Context& context, const Geometry& g, int64_t rows, int64_t size,
                     const TileEpilogue* epilogue, F&& body) {
  const int64_t count = g.batch * rows, piece = rows_of_piece(size);
  parallel_items(context, ceil_div(count, piece), ceil_div(g.grain(), piece), [&](int64_t index, int thread) {
    const int64_t first = index * piece, last = least(count, first + piece);
    int64_t n = first / rows, y = first % rows;
    for (int64_t item = first; item < last; ++item) {
      body(n, y, thread);
      if (++y < rows) continue;
      y = 0;
      ++n;
    }
    if (epilogue) epilogue->run(thread, {first * size, (last - first) * size});
  });
}

// body(image, offset of a row of windows, their vertical span, thread) for all rows.
template <class F>
void for_rows(stream::Context& context, const Geometry& g, const TileEpilogue* epilogue, F&& body) {
  for_result_rows(
      context, g, g.rows, g.columns * g.channels, epilogue, [&](int64_t n, int64_t y, int thread) {
        body(g.image_row(n, 0), g.pooled_row(n, y), window_span(g.params, 0, y, g.height), thread);
      });
}

// Rows of dx, zeroed, then body(row of dx, offset of a row of windows, their vertical span, their tap row
// that lies on the row, thread) in a fixed order.
template <class T, class F>
void for_touches(stream::Context& context, const Geometry& g, T* dx, const TileEpilogue* epilogue, F&& body) {
  const PoolParams& p = g.params;
  const int64_t size = g.width * g.channels;
  for_result_rows(context, g, g.height, size, epilogue, [&](int64_t n, int64_t y, int thread) {
    T* to = dx + g.image_row(n, y);
    __builtin_memset(to, 0, static_cast<size_t>(size) * sizeof(T));
    for (int64_t u = 0; u < p.size[0]; ++u) {
      const int64_t start = y + p.before[0] - u * p.dilation[0];
      if (start < 0 || start % p.stride[0] != 0 || start / p.stride[0] >= g.rows) continue;
      const int64_t window = start / p.stride[0];
      body(to, g.pooled_row(n, window), window_span(p, 0, window, g.height), u, thread);
    }
  });
}

// body(offset of the window in its row, its horizontal span) for the windows of a row.
template <class F>
HEBB_INLINE void for_columns(const Geometry& g, F&& body) {
  for (int64_t x = 0; x < g.columns; ++x) body(x * g.channels, window_span(g.params, 1, x, g.width));
}

// The operands of a command: floats in the compute type T, which are copies where they are halves, and a row
// of taps for each thread.
template <class T>
struct Floats {
  T* at[3];
  T* rows;
  int64_t row;
  bool half;
  const TileEpilogue* epilogue;  // of the result's rows; null where it follows the whole

  Floats(stream::Context& context, const stream::Command& command, int64_t row_size,
         const TileEpilogue& follows)
      : row((row_size + 15) / 16 * 16),
        half(is_half(command[0].dtype)),
        epilogue(follows && !half ? &follows : nullptr) {
    int64_t count = context.threads() * row;
    for (int i = 0; i < command.own_operands(); ++i)
      count += is_half(command[i].dtype) ? command[i].size() : 0;
    rows = count ? context.scratch<T>(0, count) : nullptr;
    T* memory = rows + context.threads() * row;
    for (int i = 0; i < command.own_operands(); ++i) {
      at[i] = command[i].as<T>();
      if (!is_half(command[i].dtype)) continue;
      at[i] = memory;
      memory += command[i].size();
      if constexpr (sizeof(T) == sizeof(float)) {
        if (command[i].role == stream::Role::kIn) widen(context, command[i], at[i]);
      }
    }
  }

  HEBB_INLINE T* taps(int thread) const { return rows + thread * row; }

  void finish(stream::Context& context, const stream::Command& command, const TileEpilogue& follows) const {
    if constexpr (sizeof(T) == sizeof(float)) {
      if (half) narrow(context, at[0], command[0]);
    }
    if (!epilogue) follows.run_behind(0, command[0].size());
  }
};

// Each job runs one command. kImage and kPooled are operands of those shapes, kTaps the one with the tap
// numbers.
struct Max {
  static constexpr int kImage = 2, kPooled = 0, kTaps = 1;
  template <class T, class Tap>
  static void run(stream::Context& context, const Geometry& g, const Floats<T>& floats, Tap* taps) {
    if (g.tiled) return run_tiled(context, g, floats, taps);
    for_rows(context, g, floats.epilogue, [&](int64_t image, int64_t row, const Span& down, int thread) {
      T* where = floats.taps(thread);
      for_columns(g, [&](int64_t x, const Span& across) {
        max_window(g, floats.at[2] + image, down, across, floats.at[0] + row + x, where + x);
      });
      store_taps(where, g.columns * g.channels, taps + row);
    });
  }

  template <class T, class Tap>
  static void run_tiled(stream::Context& context, const Geometry& g, const Floats<T>& floats, Tap* taps) {
    const int64_t image_row = g.width * g.channels;
    with_size(g.params, [&](auto size) {
      for_rows(context, g, floats.epilogue, [&](int64_t image, int64_t row, const Span& down, int thread) {
        T* where = floats.taps(thread);
        max_row(g, size, floats.at[2] + image + down.start * image_row, floats.at[0] + row, where);
        store_taps(where, g.columns * g.channels, taps + row);
      });
    });
  }
};

struct MaxGrad {
  static constexpr int kImage = 0, kPooled = 1, kTaps = 2;
  template <class T, class Tap>
  static void run(stream::Context& context, const Geometry& g, const Floats<T>& floats, Tap* taps) {
    if (g.tiled) return run_tiled(context, g, floats, taps);
    for_touches(context, g, floats.at[0], floats.epilogue,
                [&](T* to, int64_t row, const Span&, int64_t u, int thread) {
                  T* where = floats.taps(thread);
                  load_taps(taps + row, g.columns * g.channels, where);
                  for_columns(g, [&](int64_t x, const Span& across) {
                    max_grad_window(g, to, floats.at[1] + row + x, where + x, across, u);
                  });
                });
  }

  template <class T, class Tap>
  static void run_tiled(stream::Context& context, const Geometry& g, const Floats<T>& floats,
                        const Tap* taps) {
    const int64_t row_size = g.width * g.channels;
    with_size(g.params, [&](auto size) {
      for_result_rows(context, g, g.height, row_size, floats.epilogue, [&](int64_t n, int64_t y, int thread) {
        T* to = floats.at[0] + g.image_row(n, y);
        const int64_t window = y / size.down;
        if (window >= g.rows) {
          __builtin_memset(to, 0, static_cast<size_t>(row_size) * sizeof(T));
          return;
        }
        const int64_t row = g.pooled_row(n, window);
        T* where = floats.taps(thread);
        load_taps(taps + row, g.columns * g.channels, where);
        max_grad_row(g, size, y % size.down, floats.at[1] + row, where, to);
      });
    });
  }
};

struct MaxPick {
  static constexpr int kImage = 1, kPooled = 0, kTaps = 2;
  template <class T, class Tap>
  static void run(stream::Context& context, const Geometry& g, const Floats<T>& floats, Tap* taps) {
    for_rows(context, g, floats.epilogue, [&](int64_t image, int64_t row, const Span& down, int thread) {
      T* where = floats.taps(thread);
      load_taps(taps + row, g.columns * g.channels, where);
      for_columns(g, [&](int64_t x, const Span& across) {
        pick_window(g, floats.at[1] + image, down, across, floats.at[0] + row + x, where + x);
      });
    });
  }
};

struct Mean {
  static constexpr int kImage = 1, kPooled = 0, kTaps = -1;
  template <class T>
  static void run(stream::Context& context, const Geometry& g, const Floats<T>& floats) {
    for_rows(context, g, floats.epilogue, [&](int64_t image, int64_t row, const Span& down, int) {
      for_columns(g, [&](int64_t x, const Span& across) {
        mean_window(g, floats.at[1] + image, down, across, floats.at[0] + row + x);
      });
    });
  }
};

struct MeanGrad {
  static constexpr int kImage = 0, kPooled = 1, kTaps = -1;
  template <class T>
  static void run(stream::Context& context, const Geometry& g, const Floats<T>& floats) {
    for_touches(context, g, floats.at[0], floats.epilogue,
                [&](T* to, int64_t row, const Span& down, int64_t, int) {
                  for_columns(g, [&](int64_t x, const Span& across) {
                    mean_grad_window(g, to, floats.at[1] + row + x, down, across);
                  });
                });
  }
};

template <class Job, class T>
void run_in(const stream::Command& command, stream::Context& context) {
  const Geometry g(command[Job::kImage], command[Job::kPooled], command.param<PoolParams>());
  // Before any memory is asked for.
  const TileEpilogue epilogue(command, context);
  const Floats<T> floats(context, command, Job::kTaps < 0 ? 0 : g.columns * g.channels, epilogue);
  if constexpr (Job::kTaps < 0) {
    Job::run(context, g, floats);
  } else if (command[Job::kTaps].dtype == DType::kU8) {
    Job::run(context, g, floats, command[Job::kTaps].template as<uint8_t>());
  } else {
    Job::run(context, g, floats, command[Job::kTaps].template as<int32_t>());
  }
  floats.finish(context, command, epilogue);
}

template <class Job>
void run_pool(const stream::Command& command, stream::Context& context) {
  if (command[0].dtype == DType::kF64) return run_in<Job, double>(command, context);
  run_in<Job, float>(command, context);
}

}  // namespace pool
}  // namespace

void fill_pool() {
  kernels::max_pool2d.cpu = &pool::run_pool<pool::Max>;
  kernels::max_pool2d_grad.cpu = &pool::run_pool<pool::MaxGrad>;
  kernels::max_pool2d_pick.cpu = &pool::run_pool<pool::MaxPick>;
  kernels::avg_pool2d.cpu = &pool::run_pool<pool::Mean>;
  kernels::avg_pool2d_grad.cpu = &pool::run_pool<pool::MeanGrad>;
}

}  // namespace hebb::kernels::HEBB_ISA
