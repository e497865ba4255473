// The kernel around a tile program: a loop over items of several elements, then one over what is left.
#include "stream/ptx/emit.h"

#include <algorithm>
#include <bit>

#include "stream/ptx/convert.h"
#include "stream/ptx/memory.h"
#include "stream/ptx/words.h"

namespace hebb::stream {

namespace {

using T = PtxType;

constexpr int kThreads = 256;
// Beyond this many a multiprocessor, blocks take a second turn.
constexpr int64_t kBlocksEach = 16;

class Emitter {
 public:
  explicit Emitter(const Command& command)
      : command_(command), tiles_(*command.tiles), geometry_(ptx_geometry(command)) {
    // Where the first fields of every block lie.
    writer_.argument(PtxField::kSize, 0, 0, index_type());
  }

  PtxProgram run() {
    const PtxValue grid =
        writer_.append(T::kB32, "mul.lo.u32", {writer_.special("%ctaid.x"), writer_.special("%ntid.x")});
    thread_ = index_of(writer_.append(T::kB32, "add.u32", {grid, writer_.special("%tid.x")}));
    step_ = index_of(
        writer_.append(T::kB32, "mul.lo.u32", {writer_.special("%nctaid.x"), writer_.special("%ntid.x")}));
    const PtxValue size = writer_.argument(PtxField::kSize, 0, 0, index_type());
    if (geometry_.vector == 1) {
      loop(thread_, size, 1);
    } else {
      const PtxValue vectors = writer_.argument(PtxField::kVectors, 0, 0, index_type());
      loop(thread_, vectors, geometry_.vector);
      loop(index_op("add.u", {elements_of(vectors), thread_}), size, 1);
    }
    writer_.line("ret");
    PtxProgram program;
    program.text = writer_.finish(kThreads, &program.entry);
    program.arguments = writer_.take_arguments();
    return program;
  }

 private:
  T index_type() const { return geometry_.wide ? T::kB64 : T::kB32; }
  PtxValue index_of(const PtxValue& word) {
    return geometry_.wide ? writer_.append(T::kB64, "cvt.u64.u32", {word}) : word;
  }
  // `opcode` is completed with the width of indices.
  PtxValue index_op(std::string opcode, std::initializer_list<PtxValue> in) {
    opcode += geometry_.wide ? "64" : "32";
    return writer_.append(index_type(), opcode.c_str(), in);
  }
  PtxValue elements_of(const PtxValue& items) {
    return index_op("shl.b",
                    {items, PtxValue::of(std::countr_zero(static_cast<unsigned>(geometry_.vector)))});
  }

  // body(item) for the thread's items from `start` on, below `end`.
  void loop(const PtxValue& start, const PtxValue& end, int width) {
    const std::string top = writer_.fresh_label(), out = writer_.fresh_label();
    const std::string unsigned_type = geometry_.wide ? "u64 " : "u32 ",
                      bits = geometry_.wide ? "b64 " : "b32 ";
    const PtxValue item = writer_.fresh(index_type()), done = writer_.fresh(T::kPred);
    writer_.line("mov." + bits + item.text() + ", " + start.text());
    writer_.label(top);
    writer_.line("setp.ge." + unsigned_type + done.text() + ", " + item.text() + ", " + end.text());
    writer_.line('@' + done.text() + " bra " + out);
    body(item, width);
    writer_.line("add." + unsigned_type + item.text() + ", " + item.text() + ", " + step_.text());
    writer_.line("bra " + top);
    writer_.label(out);
  }

  void body(const PtxValue& item, int width) {
    item_ = item;
    width_ = width;
    element_ = width == 1 ? item : elements_of(item);
    find_coordinates();
    load_inputs();
    std::vector<PtxValue> outputs[kTileOutputs];
    words_.assign(static_cast<size_t>(tiles_.instruction_count), {});
    for (int j = 0; j < width; ++j) compute(j, outputs);
    for (int k = 0; k < tiles_.output_count; ++k)
      ptx_store(writer_, command_[k].dtype, address_of(k), outputs[k]);
  }

  void find_coordinates() {
    PtxValue rest = element_;
    for (int axis = geometry_.rank - 1; axis > 0; --axis) {
      const PtxValue extent = writer_.argument(PtxField::kExtent, axis, 0, index_type());
      PtxValue whole;
      if (geometry_.wide) {
        whole = writer_.append(T::kB64, "div.u64", {rest, extent});
      } else {
        const PtxValue factor = writer_.argument(PtxField::kFactor, axis, 0, T::kB32);
        const PtxValue shift = writer_.argument(PtxField::kShift, axis, 0, T::kB32);
        const PtxValue high = writer_.append(T::kB32, "mul.hi.u32", {rest, factor});
        const PtxValue sum = writer_.append(T::kB32, "add.u32", {high, rest});
        whole = writer_.append(T::kB32, "shr.u32", {sum, shift});
      }
      coordinates_[axis] = index_op("sub.u", {rest, index_op("mul.lo.u", {whole, extent})});
      rest = whole;
    }
    coordinates_[0] = rest;
  }

  PtxValue base_of(int operand) {
    return writer_.append(T::kB64, "cvta.to.global.u64", {writer_.argument(PtxField::kPointer, operand)});
  }

  PtxValue address_of(int operand) {
    const PtxLayout layout = geometry_.layouts[operand];
    PtxValue address = base_of(operand);
    if (layout == PtxLayout::kFlat) {
      const int64_t bytes = width_ * item_size(command_[operand].dtype);
      if (geometry_.wide) return writer_.append(T::kB64, "mad.lo.u64", {item_, PtxValue::of(bytes), address});
      return writer_.append(T::kB64, "mad.wide.u32",
                            {item_, PtxValue::of(static_cast<int32_t>(bytes)), address});
    }
    const int axes = geometry_.rank - (layout == PtxLayout::kColumns ? 1 : 0);
    for (int axis = 0; axis < axes; ++axis) {
      const PtxValue stride = writer_.argument(PtxField::kStride, operand, axis, index_type());
      const char* opcode = geometry_.wide ? "mad.lo.u64" : "mad.wide.s32";
      address = writer_.append(T::kB64, opcode, {coordinates_[axis], stride, address});
    }
    return address;
  }

  // The elements of an input, or the one that stands for all.
  std::vector<PtxValue> load(int operand) {
    const DType dtype = command_[operand].dtype;
    switch (geometry_.layouts[operand]) {
      case PtxLayout::kConstant: {
        const PtxValue number = writer_.argument(PtxField::kConstant, operand, 0, T::kF64);
        // Rounded to its own dtype, as memory would have been.
        return {ptx_convert(writer_, number, DType::kF64, dtype)};
      }
      case PtxLayout::kUniform:
        return {writer_.load_once(ptx_type(dtype), ptx_load_opcode(dtype).c_str(), base_of(operand), 0)};
      case PtxLayout::kColumns:
        return ptx_load(writer_, dtype, address_of(operand), 1);
      default:
        return ptx_load(writer_, dtype, address_of(operand), width_);
    }
  }

  // All of them before the first store: an output may lie on an input.
  void load_inputs() {
    for (auto& input : inputs_) input.clear();
    for (int k = 0; k < tiles_.read_count; ++k) {
      auto& input = inputs_[tiles_.reads[k].input];
      if (input.empty()) input = load(tiles_.output_count + tiles_.reads[k].input);
    }
  }

  PtxValue element_of(int input, int j) const {
    const auto& values = inputs_[input];
    return values[values.size() == 1 ? 0 : static_cast<size_t>(j)];
  }

  // The program for element j of the item.
  void compute(int j, std::vector<PtxValue>* outputs) {
    PtxValue values[kTileReads + kTileInstructions];
    for (int k = 0; k < tiles_.read_count; ++k) {
      const TileRead& read = tiles_.reads[k];
      const DType dtype = command_[tiles_.output_count + read.input].dtype;
      values[k] = ptx_convert(writer_, element_of(read.input, j), dtype, read.dtype);
    }
    for (int i = 0; i < tiles_.instruction_count; ++i) {
      const TileInstruction& instruction = tiles_.instructions[i];
      PtxValue in[3];
      for (int k = 0; k < instruction.arity; ++k) in[k] = values[instruction.in[k]];
      PtxValue& result = values[tiles_.read_count + i];
      if (instruction.arity == 0) {
        result = word(i, j);
      } else if (instruction.slot == nullptr) {
        result = ptx_convert(writer_, in[0], instruction.from, instruction.to);
      } else {
        writer_.begin_instruction(i);
        result = instruction.slot->emit[tile_index(instruction.from)](writer_, in);
      }
      if (instruction.place >= tiles_.registers)
        outputs[instruction.place - tiles_.registers].push_back(result);
    }
  }

  // Four neighbours share a block.
  PtxValue word(int index, int j) {
    const TileInstruction& instruction = tiles_.instructions[index];
    const PtxValue seed = base_of(tiles_.output_count + instruction.seed);
    const PtxValue counter = writer_.argument(PtxField::kCounter, index);
    if (width_ < 4) {
      const PtxValue first = geometry_.wide ? element_ : writer_.append(T::kB64, "cvt.u64.u32", {element_});
      const PtxValue at = writer_.append(T::kB64, "add.u64", {first, PtxValue::of(int64_t{j})});
      return ptx_word(writer_, seed, counter, at);
    }
    auto& words = words_[static_cast<size_t>(index)];
    if (j % 4 == 0) {
      const PtxValue at =
          index_op("add.u", {element_, geometry_.wide ? PtxValue::of(int64_t{j}) : PtxValue::of(j)});
      const PtxValue block = index_op("shr.u", {at, PtxValue::of(2)});
      words = ptx_words(writer_, seed, counter,
                        geometry_.wide ? block : writer_.append(T::kB64, "cvt.u64.u32", {block}));
    }
    return words[static_cast<size_t>(j % 4)];
  }

  const Command& command_;
  const TileProgram& tiles_;
  const PtxGeometry geometry_;
  PtxWriter writer_;
  PtxValue thread_, step_;

  // Of the loop that is being written: the item, its first element, its width, and where that lies.
  PtxValue item_, element_;
  int width_ = 1;
  PtxValue coordinates_[kRank];
  std::vector<PtxValue> inputs_[kTileInputs];
  std::vector<std::array<PtxValue, 4>> words_;
};

template <class N>
void add_bytes(std::string& to, const N& number) {
  to.append(reinterpret_cast<const char*>(&number), sizeof number);
}

}  // namespace

std::optional<PtxProgram> emit_ptx(const Command& command) {
  const TileProgram& tiles = *command.tiles;
  for (int i = 0; i < tiles.instruction_count; ++i) {
    const TileInstruction& instruction = tiles.instructions[i];
    if (instruction.slot && !instruction.slot->emit[tile_index(instruction.from)]) return std::nullopt;
  }
  return Emitter(command).run();
}

std::string ptx_class(const Command& command) {
  const TileProgram& tiles = *command.tiles;
  const PtxGeometry geometry = ptx_geometry(command);
  std::string name;
  for (const int number : {geometry.rank, int{geometry.wide}, geometry.vector, int{tiles.read_count},
                           int{tiles.registers}, int{tiles.output_count}})
    add_bytes(name, static_cast<uint8_t>(number));
  for (int k = 0; k < command.operand_count; ++k) {
    add_bytes(name, geometry.layouts[k]);
    add_bytes(name, command[k].dtype);
  }
  for (int k = 0; k < tiles.read_count; ++k) {
    add_bytes(name, tiles.reads[k].input);
    add_bytes(name, tiles.reads[k].dtype);
  }
  for (int i = 0; i < tiles.instruction_count; ++i) {
    const TileInstruction& instruction = tiles.instructions[i];
    add_bytes(name, instruction.slot);
    for (const uint8_t part :
         {static_cast<uint8_t>(instruction.from), static_cast<uint8_t>(instruction.to), instruction.arity,
          instruction.in[0], instruction.in[1], instruction.in[2], instruction.place, instruction.seed})
      add_bytes(name, part);
  }
  return name;
}

PtxLaunch ptx_launch(const PtxProgram& program, const Command& command, int multiprocessors) {
  const PtxGeometry geometry = ptx_geometry(command);
  const int64_t rest = geometry.size - geometry.vectors * geometry.vector;
  const int64_t items = std::max(geometry.vectors, rest);
  const int64_t blocks = std::min((items + kThreads - 1) / kThreads, kBlocksEach * multiprocessors);
  return {kThreads, static_cast<int>(blocks), pack_arguments(program.arguments, command, geometry)};
}

}  // namespace hebb::stream
