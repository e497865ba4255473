// Fused commands as PTX over operands of all layouts, alignments and sizes.
#include <sys/mman.h>

#include "check.h"
#include "kernels/copy.h"
#include "kernels/elementwise.h"
#include "kernels/random.h"
#include "ptx_values.h"

namespace hebb::testing {
namespace {

// Every size around the borders of items, of every width.
TEST(ptx_tails_of_every_width) {
  fill_all();
  for (const DType dtype : kAll) {
    for (const int64_t size : {1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 1037}) {
      TestProgram made;
      const DType compute = compute_type(dtype);
      const auto x = made.argument({size}, dtype), z = made.argument({size}, dtype);
      const auto t = made.map(kernels::mul, made.temporary({size}, dtype), {x, z}, compute);
      made.map(kernels::add, made.output({size}, dtype), {t, z}, compute);
      fuse_all(made);
      ptx_distance(made, std::string(dtype_name(dtype)) + " of " + std::to_string(size));
    }
  }
  assemble_ptx_texts();
}

TEST(ptx_operands_that_are_not_aligned) {
  fill_all();
  for (const int64_t first : {1, 2, 4}) {
    TestProgram made;
    const auto x = TestProgram::part(made.argument({1041}), first, 1037);
    made.map(kernels::neg, made.output({1037}), {x});
    fuse_all(made);
    ptx_distance(made, "from element " + std::to_string(first));
  }
  assemble_ptx_texts();
}

// x [.., n] with another operand that is broadcast, turned, a part, reversed or a constant.
TEST(ptx_operands_of_any_layout) {
  fill_all();
  for (const Shape& shape :
       {Shape{6, 8}, Shape{7, 5}, Shape{2, 3, 4, 8}, Shape{33, 3, 2}, Shape{2, 1, 3, 1, 2, 2, 3, 2}}) {
    for (const DType dtype : {DType::kF32, DType::kF16, DType::kU8, DType::kI64}) {
      for (int kind = 0; kind < (1 << std::min(shape.rank(), 5)); ++kind) {
        TestProgram made;
        Shape part = shape;
        for (int axis = 0; axis < shape.rank(); ++axis)
          if (kind >> axis % 5 & 1) part[axis] = 1;
        const DType compute = compute_type(dtype);
        const auto x = made.argument(shape, dtype), z = made.argument(part, dtype);
        const auto t = made.map(kernels::mul, made.temporary(shape, dtype), {x, z}, compute);
        made.map(kernels::sub, made.output(shape, dtype), {t, TestProgram::constant(2.3, dtype)}, compute);
        fuse_all(made);
        ptx_distance(made, "broadcast " + std::to_string(kind));
      }
      TestProgram made;
      Shape turned = shape;
      std::swap(turned[turned.rank() - 1], turned[turned.rank() - 2]);
      const DType compute = compute_type(dtype);
      const auto x = TestProgram::transposed(made.argument(turned, dtype));
      auto z = TestProgram::part(made.argument(Shape{shape.size() + 3}, dtype), 3, shape.size());
      z.view.strides[0] = -1;
      z.offset += (shape.size() - 1) * item_size(dtype);
      const auto t = made.map(kernels::mul, made.output(shape, dtype), {x, x}, compute);
      made.map(kernels::sub, made.output({shape.size()}, dtype),
               {TestProgram::reshaped(t, {shape.size()}), z}, compute);
      fuse_all(made);
      ptx_distance(made, "turned");
    }
  }
  assemble_ptx_texts();
}

// Rows so far apart that 32 bits do not hold the distance; most of the memory between is never touched.
TEST(ptx_wide_indices) {
  fill_all();
  constexpr int64_t kApart = (int64_t{1} << 31) / 4 + 16;
  const size_t bytes = static_cast<size_t>(kApart + 16) * 4;
  void* memory =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  CHECK(memory != MAP_FAILED);
  float* from = static_cast<float*>(memory);
  for (int i = 0; i < 12; ++i) from[i % 6 + i / 6 * kApart] = static_cast<float>(i) - 3;
  for (const int64_t columns : {5, 4}) {
    TestProgram made;
    made.map(kernels::neg, made.output({2, columns}), {made.argument({2, columns})});
    fuse_all(made);
    stream::Command command;
    stream::Operand operands[2];
    for (int k = 0; k < 2; ++k) operands[k] = made.program.commands[0].operands[static_cast<size_t>(k)].view;
    Buffer out(DType::kF32, {2, columns});
    operands[0].data = out.as<float>();
    operands[1].data = from;
    operands[0].block = operands[1].block = out.out().block;
    // The pass has merged the axes.
    for (auto& operand : operands) {
      operand.rank = 2;
      operand.shape[0] = 2;
      operand.shape[1] = columns;
      operand.strides[0] = columns;
      operand.strides[1] = 1;
    }
    operands[1].strides[0] = kApart;
    command.slot = &kernels::fused;
    command.operand_count = 2;
    command.operands = operands;
    command.tiles = made.program.commands[0].tiles.get();
    CHECK(stream::ptx_geometry(command).wide);
    run_as_ptx(command);
    for (int64_t i = 0; i < 2 * columns; ++i)
      CHECK_EQ(out.as<float>()[i], -from[i % columns + i / columns * kApart]);
  }
  munmap(memory, bytes);
  assemble_ptx_texts();
}

// An output on an input's memory, beside another one that is made of it.
TEST(ptx_outputs_may_lie_on_inputs) {
  fill_all();
  for (const int64_t size : {3, 1037}) {
    TestProgram made;
    const auto x = made.argument({size}), z = made.argument({size});
    const auto t = made.map(kernels::exp, made.temporary({size}), {x});
    const auto u = made.map(kernels::mul, made.output({size}), {t, z});
    made.map(kernels::sub, made.output({size}), {u, x});
    fuse_all(made);
    for (auto& operand : made.program.commands[0].operands) {
      if (operand.buffer == u.buffer) operand.buffer = x.buffer;
    }
    for (const auto order :
         {emulator::Order::kForward, emulator::Order::kBackward, emulator::Order::kShuffled}) {
      ptx_order = order;
      ptx_distance(made, "in place");
    }
    ptx_order = emulator::Order::kForward;
  }
  assemble_ptx_texts();
}

TEST(ptx_of_one_class_is_one_kernel) {
  fill_all();
  std::vector<std::string> entries;
  for (const int64_t size : {5, 4096}) {
    for (const double scalar : {0.5, 0.25}) {
      TestProgram made;
      const auto x = made.argument({size, 8}), bias = made.argument({8});
      const auto t = made.map(kernels::leaky_relu, made.temporary({size, 8}), {x}, DType::kF32, scalar);
      made.map(kernels::add, made.output({size, 8}), {t, bias});
      fuse_all(made);
      const size_t before = ptx_texts().size();
      ptx_distance(made, "class");
      CHECK(entries.empty() || ptx_texts().size() == before);
      entries.push_back("");
    }
  }
  assemble_ptx_texts();
}

TEST(ptx_divisors_are_exact) {
  std::mt19937 random(1);
  for (int i = 0; i < 200000; ++i) {
    const uint32_t extent = std::max(2u, static_cast<uint32_t>(random()) >> (1 + random() % 30));
    const uint32_t n = static_cast<uint32_t>(random()) >> (1 + random() % 31);
    const auto [factor, shift] = stream::divisor_of(extent);
    for (const uint32_t value :
         {n, n / extent * extent, std::max(n / extent * extent, 1u) - 1, 0x7fffffffu}) {
      const auto high = static_cast<uint32_t>(uint64_t{value} * factor >> 32);
      CHECK_EQ((high + value) >> shift, value / extent);
    }
  }
}

}  // namespace
}  // namespace hebb::testing
