"""Paddle on a CPU: layers without biases throw when they are made, or crash when they are called.

https://github.com/PaddlePaddle/Paddle/issues/70231
"""

import subprocess
import sys

for direction in ("forward", "bidirect"):
    made = f"paddle.nn.GRU(3, 4, direction='{direction}', bias_ih_attr=False, bias_hh_attr=False)"
    program = f"import paddle; layer = {made}; print('made'); layer(paddle.randn([2, 5, 3]))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    said = [line for line in run.stderr.splitlines() if "Error:" in line] or [""]
    print(f"{direction}: {run.stdout.strip()} exit code {run.returncode} {said[-1][:60]}")

# Printed by PaddlePaddle 3.3.1 on x86-64:
# forward: made
#
#
# --------------------------------------
# C++ Traceback (most recent call last):
# --------------------------------------
# 0   paddle::pybind::eager_api_rnn(_object*, _object*, _object*)
# 1   rnn_ad_func(paddle::Tensor const&, std::vector<paddle::Tensor, std::allocator<paddle::Tensor> > const&, std::vector<paddle::Tensor, std::allocator<paddle::Tensor> > const&, paddle::optional<paddle::Tensor> const&, paddle::Tensor const&, float, bool, int, int, int, std::string, int, bool)
# 2   paddle::experimental::rnn_intermediate(paddle::Tensor const&, std::vector<paddle::Tensor, std::allocator<paddle::Tensor> > const&, std::vector<paddle::Tensor, std::allocator<paddle::Tensor> > const&, paddle::optional<paddle::Tensor> const&, paddle::Tensor const&, float, bool, int, int, int, std::string const&, int, bool)
# 3   phi::KernelImpl<void (*)(phi::CPUContext const&, phi::DenseTensor const&, std::vector<phi::DenseTensor const*, std::allocator<phi::DenseTensor const*> > const&, std::vector<phi::DenseTensor const*, std::allocator<phi::DenseTensor const*> > const&, paddle::optional<phi::DenseTensor> const&, float, bool, int, int, int, std::string const&, int, bool, phi::DenseTensor*, phi::DenseTensor*, std::vector<phi::DenseTensor*, std::allocator<phi::DenseTensor*> >, phi::DenseTensor*), &(void phi::RnnKernel<float, phi::CPUContext>(phi::CPUContext const&, phi::DenseTensor const&, std::vector<phi::DenseTensor const*, std::allocator<phi::DenseTensor const*> > const&, std::vector<phi::DenseTensor const*, std::allocator<phi::DenseTensor const*> > const&, paddle::optional<phi::DenseTensor> const&, float, bool, int, int, int, std::string const&, int, bool, phi::DenseTensor*, phi::DenseTensor*, std::vector<phi::DenseTensor*, std::allocator<phi::DenseTensor*> >, phi::DenseTensor*))>::VariadicCompute(phi::DeviceContext const&, phi::DenseTensor const&, std::vector<phi::DenseTensor const*, std::allocator<phi::DenseTensor const*> > const&, std::vector<phi::DenseTensor const*, std::allocator<phi::DenseTensor const*> > const&, paddle::optional<phi::DenseTensor> const&, float, bool, int, int, int, std::string const&, int, bool, phi::DenseTensor*, phi::DenseTensor*, std::vector<phi::DenseTensor*, std::allocator<phi::DenseTensor*> >, phi::DenseTensor*)
# 4   void phi::RnnKernel<float, phi::CPUContext>(phi::CPUContext const&, phi::DenseTensor const&, std::vector<phi::DenseTensor const*, std::allocator<phi::DenseTensor const*> > const&, std::vector<phi::DenseTensor const*, std::allocator<phi::DenseTensor const*> > const&, paddle::optional<phi::DenseTensor> const&, float, bool, int, int, int, std::string const&, int, bool, phi::DenseTensor*, phi::DenseTensor*, std::vector<phi::DenseTensor*, std::allocator<phi::DenseTensor*> >, phi::DenseTensor*)
# 5   phi::DenseTensor::ShareDataWith(phi::DenseTensor const&)
# 6   phi::DenseTensor::check_memory_size() const
#
# ----------------------
# Error Message Summary:
# ----------------------
# FatalError: `Segmentation fault` is detected by the operating system.
#   [TimeInfo: *** Aborted at 1795625338 (unix time) try "date -d @1795625338" if you are using GNU date ***]
#   [SignalInfo: *** SIGSEGV (@0xe0) received by PID 3613 (TID 0x7f8047bedb80) from PID 224 ***] exit code -11
# bidirect:  exit code 1 IndexError: list assignment index out of range
