// A jet's operands, parameters and fields, from the buffers of a call.
#pragma once

#include <memory>

#include "core/network.h"
#include "ffi/reader.h"

namespace transjet::ffi {

// Static settings of a jet, in words: name of the jet; activations of the hidden layers, separated by commas,
// the first perhaps "frozen" for a layer of identities in front of an affine network; and "none", "shared" or
// "point" for its directions.
struct JetSettings {
  std::string_view jet, activation, directions;
};

// False, setting nothing, for other words.
bool parse_jet(std::string_view name, Jet& jet);

// The parts of `text` between separators; none of empty text.
std::vector<std::string_view> split(std::string_view text, char separator);

// Arrays of pointers, one of weights and one of biases for each of several sets of parameters.
template <typename T>
class ParameterSets {
 public:
  ParameterSets(std::size_t sets, std::size_t depth)
      : depth_(depth), weights_(sets * depth), biases_(sets * depth) {}

  // Layer l of all sets, of `weight_size` and `bias_size` elements each, one set after the other.
  void put(std::size_t layer, T* weights, std::size_t weight_size, T* biases, std::size_t bias_size) {
    for (std::size_t set = 0; set * depth_ + layer < weights_.size(); ++set) {
      weights_[set * depth_ + layer] = weights + set * weight_size;
      biases_[set * depth_ + layer] = biases + set * bias_size;
    }
  }
  Parameters<T> operator[](std::size_t set) const {
    return {weights_.data() + set * depth_, biases_.data() + set * depth_};
  }

 private:
  std::size_t depth_;
  std::vector<T*> weights_, biases_;
};

// Where results are written: kernels on the host add to gradients, those on a device set them.
enum class Memory { kHost, kDevice };

// Time features of a network: for each point, with their derivatives, or a table of some moments.
enum class Times { kOfPoints, kTable };

template <typename T>
class JetOperands {
 public:
  // Reads x, tau, dtau unless times are a table, [directions], W_1, b_1, ..., as many layers as there are
  // activations and one more. The network must have a hidden layer.
  JetOperands(Reader& reader, const JetSettings& settings, Times times = Times::kOfPoints);
  JetOperands(const JetOperands&) = delete;
  JetOperands& operator=(const JetOperands&) = delete;

  const JetProblem<T>& problem() const { return problem_; }
  std::size_t depth() const { return activations_.size() + 1; }
  std::size_t moments() const { return moments_; }  // rows of tau

  Fields<const T> read_fields(Reader& reader) const;
  Fields<T> write_fields(Reader& reader) const;
  // Sets of parameters; the buffers have a leading axis of `sets`, or none if `sets` is 0, which means one
  // set.
  ParameterSets<const T> read_parameters(Reader& reader, std::size_t sets) const;
  // Sets of gradients, filled with zeros in the host's memory.
  ParameterSets<T> write_parameters(Reader& reader, std::size_t sets, Memory memory = Memory::kHost) const;

 private:
  void read_points(Reader& reader, std::string_view directions, Times times);
  template <typename U, typename Next>
  Fields<U> fields(Next&& next) const;
  template <typename U, typename Next>
  ParameterSets<U> parameters(std::size_t sets, Next&& next) const;

  JetProblem<T> problem_{};
  std::size_t moments_ = 0;
  std::vector<int> widths_;
  std::vector<Activation> activations_;
  std::unique_ptr<ParameterSets<const T>> parameters_;
};

}  // namespace transjet::ffi
