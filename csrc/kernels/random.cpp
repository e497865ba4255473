// The random slots: traits and the named fields of their parameters.
#include "kernels/random.h"

namespace hebb::kernels {

namespace {

using stream::Field;
using stream::FieldType;
using stream::Layout;

constexpr Field kUniformFields[] = {{"counter", FieldType::kInt, offsetof(UniformParams, counter), 1},
                                    {"low", FieldType::kFloat, offsetof(UniformParams, low), 1},
                                    {"high", FieldType::kFloat, offsetof(UniformParams, high), 1}};
constexpr Field kNormalFields[] = {{"counter", FieldType::kInt, offsetof(NormalParams, counter), 1},
                                   {"mean", FieldType::kFloat, offsetof(NormalParams, mean), 1},
                                   {"std", FieldType::kFloat, offsetof(NormalParams, std), 1}};
constexpr Field kBernoulliFields[] = {{"counter", FieldType::kInt, offsetof(BernoulliParams, counter), 1},
                                      {"p", FieldType::kFloat, offsetof(BernoulliParams, p), 1}};
constexpr Field kRandintFields[] = {{"counter", FieldType::kInt, offsetof(RandintParams, counter), 1},
                                    {"low", FieldType::kInt, offsetof(RandintParams, low), 1},
                                    {"high", FieldType::kInt, offsetof(RandintParams, high), 1}};
constexpr Field kDropoutFields[] = {{"counter", FieldType::kInt, offsetof(DropoutParams, counter), 1},
                                    {"p", FieldType::kFloat, offsetof(DropoutParams, p), 1}};

constexpr Layout kUniformLayout{"UniformParams", sizeof(UniformParams), 3, kUniformFields};
constexpr Layout kNormalLayout{"NormalParams", sizeof(NormalParams), 3, kNormalFields};
constexpr Layout kBernoulliLayout{"BernoulliParams", sizeof(BernoulliParams), 2, kBernoulliFields};
constexpr Layout kRandintLayout{"RandintParams", sizeof(RandintParams), 3, kRandintFields};
constexpr Layout kDropoutLayout{"DropoutParams", sizeof(DropoutParams), 2, kDropoutFields};

}  // namespace

stream::Slot uniform{
    .name = "uniform", .traits = {.min_inputs = 1, .random = true}, .params = &kUniformLayout};
stream::Slot normal{.name = "normal", .traits = {.min_inputs = 1, .random = true}, .params = &kNormalLayout};
stream::Slot bernoulli{
    .name = "bernoulli", .traits = {.min_inputs = 1, .random = true}, .params = &kBernoulliLayout};
stream::Slot randint{
    .name = "randint", .traits = {.min_inputs = 1, .random = true}, .params = &kRandintLayout};
stream::Slot dropout{
    .name = "dropout", .traits = {.min_inputs = 2, .random = true, .draws = true}, .params = &kDropoutLayout};

}  // namespace hebb::kernels
