// The jets against the reference: every form, both element types, every instruction set, sizes that fill no
// vector.
#include <set>

#include "tests/compare.h"
#include "tests/reference.h"

namespace transjet::testing {
namespace {

constexpr double kTolerance = 20;  // in units of epsilon; measured: at most 5

const std::vector<Size> kSizes = {
    {1, 0, {1}, 1, 0},
    {1, 1, {5}, 3, 1},
    {2, 3, {16, 17}, 37, 2},
    {2, 1, {33}, 200, 3},
    {10, 0, {5, 33, 64}, 37, 1},
    {10, 1, {64, 70}, 3, 0},
    {10, 3, {17, 1, 16}, 200, 4},
    {40, 3, {70, 64}, 11, 2},
    {40, 1, {70, 33, 5}, 3, 17},
    {2, 1, {8}, 0, 1},
    {130, 2, {70, 9}, 2, 3},
};

Parts parts_of(const FieldsOf<Real>& fields) { return {fields.begin(), fields.end()}; }

void is_right(const Sample& sample) {
  const Residual residual{{sample}, {}, {}, {}, {}};
  const Parts expected = parts_of(reference_forward(sample));
  with_every_isa([&] {
    check_close(results_of<float>(Operation::kForward, residual), expected, kTolerance, describe(sample));
    check_close(results_of<double>(Operation::kForward, residual), expected, kTolerance, describe(sample));
  });
}

void every_form_and_size_is_right() {
  Random random(1);
  for (const Form& form : kForms) {
    for (const Size& size : kSizes) is_right(random_sample(form, size, random));
  }
}

// Each in the first and in a later layer.
void every_activation_is_right() {
  Random random(2);
  for (const Form& form : kForms) {
    for (int i = 0; i < kActivations; ++i) {
      Sample sample = random_sample(form, {3, 2, {6, 4}, 9, 2}, random);
      sample.activations = {static_cast<Activation>(i), static_cast<Activation>((i + 1) % kActivations)};
      is_right(sample);
    }
  }
}

void instruction_sets_are_chosen_by_name() {
  const std::vector<std::string> names = cpu::supported_isas();
  TRANSJET_CHECK(!names.empty() && names.back() == "baseline");
  TRANSJET_CHECK(cpu::selected_isa() == names.front());
  TRANSJET_CHECK(cpu::select_isa("baseline") && cpu::selected_isa() == "baseline");
  TRANSJET_CHECK(!cpu::select_isa("none such") && cpu::selected_isa() == "baseline");
  TRANSJET_CHECK(cpu::select_isa("") && cpu::selected_isa() == names.front());
  std::set<const void*> tables;
  with_every_isa([&] { tables.insert({&cpu::kernels<float>(), &cpu::kernels<double>()}); });
  TRANSJET_CHECK(tables.size() == 2 * names.size());
}

}  // namespace
}  // namespace transjet::testing

int main(int count, char**) {
  using namespace transjet::testing;
  verbose = count > 1;
  instruction_sets_are_chosen_by_name();
  every_form_and_size_is_right();
  every_activation_is_right();
  return result();
}
