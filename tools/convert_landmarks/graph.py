"""Translate a TensorFlow Lite graph to ONNX: the operators of MediaPipe's two hand nets, and no more.

Activations run as NCHW inside the ONNX graph (TensorFlow Lite: NHWC), the input stays NHWC, the batch becomes free.
Weights stay float16 as they are stored in the original; a Cast after each makes them float32, and onnxruntime folds
these casts away when it loads the net.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import onnx  # pyright: ignore[reportMissingImports]  # authoring environment only
import tflite  # pyright: ignore[reportMissingImports]  # authoring environment only
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper  # pyright: ignore[reportMissingImports]  # as above

OPSET: Final = 17
IR_VERSION: Final = 8
_DTYPES: Final = {0: np.float32, 1: np.float16, 2: np.int32, 4: np.int64}
_OPERATOR_NAMES: Final = {code: name for name, code in vars(tflite.BuiltinOperator).items() if isinstance(code, int)}
_SAME_PADDING: Final = 0
_NHWC_TO_NCHW: Final = (0, 3, 1, 2)
_NHWC_AXIS_IN_NCHW: Final = (0, 2, 3, 1)


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """TensorFlow's SAME padding (before, after) of one axis: the odd pixel goes after."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


class GraphConverter:
    """Reads one tflite graph and collects ONNX nodes and initialisers.

    Parameters
    ----------
    content : bytes of the .tflite file
    output_names : names of the ONNX outputs, in the order of the tflite outputs
    """

    def __init__(self, content: bytes, output_names: tuple[str, ...]) -> None:
        self._model = tflite.Model.GetRootAsModel(content, 0)
        self._graph = self._model.Subgraphs(0)
        self._nodes: list[onnx.NodeProto] = []
        self._initialisers: dict[str, onnx.TensorProto] = {}
        self._constants = {
            index: array
            for index in range(self._graph.TensorsLength())
            if (array := self._stored_array(index)) is not None
        }
        inputs = [int(index) for index in self._graph.InputsAsNumpy()]
        outputs = [int(index) for index in self._graph.OutputsAsNumpy()]
        if len(inputs) != 1 or len(outputs) != len(output_names):
            raise ValueError(
                f"the net has {len(inputs)} inputs and {len(outputs)} outputs, expected 1 and {output_names}"
            )
        self._input = inputs[0]
        self._outputs = dict(zip(outputs, output_names, strict=True))

    def convert(self, name: str, producer: str) -> onnx.ModelProto:
        """The whole graph as a checked ONNX model called `name`."""
        self._node("Transpose", ["input"], self._name(self._input), perm=list(_NHWC_TO_NCHW))
        for index in range(self._graph.OperatorsLength()):
            self._convert_operator(self._graph.Operators(index))
        size = self._shape(self._input)
        graph = helper.make_graph(
            self._nodes,
            name,
            [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", *size[1:]])],
            [
                helper.make_tensor_value_info(output, TensorProto.FLOAT, ["batch", *self._shape(index)[1:]])
                for index, output in self._outputs.items()
            ],
            list(self._initialisers.values()),
        )
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name=producer
        )
        onnx.checker.check_model(model, full_check=True)
        return model

    # --- reading the tflite file ---------------------------------------------------------------------------------

    def _stored_array(self, index: int) -> NDArray[Any] | None:
        tensor = self._graph.Tensors(index)
        data = self._model.Buffers(tensor.Buffer()).DataAsNumpy()
        if isinstance(data, int):  # flatbuffers' way of saying that there is none
            return None
        return np.frombuffer(data.tobytes(), _DTYPES[tensor.Type()]).reshape(self._shape(index))

    def _shape(self, index: int) -> list[int]:
        tensor = self._graph.Tensors(index)
        return [int(size) for size in tensor.ShapeAsNumpy()] if tensor.ShapeLength() else []

    def _name(self, index: int) -> str:
        return self._outputs.get(index, f"tensor{index}")

    @staticmethod
    def _options(operator: Any, kind: type) -> Any:
        options, table = kind(), operator.BuiltinOptions()
        options.Init(table.Bytes, table.Pos)
        return options

    # --- writing the ONNX graph ----------------------------------------------------------------------------------

    def _node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self._nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def _initialiser(self, name: str, array: NDArray[Any] | np.generic) -> str:
        if name not in self._initialisers:
            self._initialisers[name] = numpy_helper.from_array(np.ascontiguousarray(array), name)
        return name

    def _scalar(self, name: str, value: float) -> str:
        if name not in self._initialisers:
            self._initialisers[name] = numpy_helper.from_array(np.array(value, np.float32), name)
        return name

    def _weight(self, index: int, arrange: Callable[[NDArray[Any]], NDArray[Any]] = lambda array: array) -> str:
        """A constant as float32: float16 in the file wherever that loses nothing."""
        array = arrange(self._constants[index])
        half = array.astype(np.float16)
        if not np.array_equal(half.astype(np.float32), array.astype(np.float32)):
            return self._initialiser(f"weight{index}", array.astype(np.float32))
        output = f"weight{index}"
        if not any(output in node.output for node in self._nodes):
            self._node("Cast", [self._initialiser(f"{output}_half", half)], output, to=TensorProto.FLOAT)
        return output

    def _activate(self, source: str, output: str, activation: int) -> None:
        """The activation that tflite fused into the operator whose plain result is called `source`."""
        if activation == tflite.ActivationFunctionType.NONE:
            self._nodes[-1].output[0] = output
        elif activation == tflite.ActivationFunctionType.RELU:
            self._node("Relu", [source], output)
        elif activation == tflite.ActivationFunctionType.RELU6:
            self._node("Clip", [source, self._scalar("zero", 0.0), self._scalar("six", 6.0)], output)
        else:
            raise ValueError(f"activation {activation} is not supported")

    def _convert_operator(self, operator: Any) -> None:
        code = self._model.OperatorCodes(operator.OpcodeIndex())
        name = _OPERATOR_NAMES[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
        inputs = [int(index) for index in operator.InputsAsNumpy()]
        output = int(operator.OutputsAsNumpy()[0])
        if name == "DEQUANTIZE":
            self._constants[output] = self._constants[inputs[0]]
            return
        handlers: dict[str, Callable[[Any, list[int], int], None]] = {
            "CONV_2D": self._convolution,
            "DEPTHWISE_CONV_2D": self._depthwise_convolution,
            "ADD": self._add,
            "PRELU": self._prelu,
            "MAX_POOL_2D": self._max_pool,
            "PAD": self._pad,
            "RESIZE_BILINEAR": self._resize,
            "MEAN": self._mean,
            "FULLY_CONNECTED": self._fully_connected,
            "LOGISTIC": lambda _, source, target: self._plain("Sigmoid", source, target),
            "RESHAPE": self._reshape,
            "CONCATENATION": self._concatenate,
        }
        if name not in handlers:
            raise ValueError(f"operator {name} is not supported")
        handlers[name](operator, inputs, output)

    def _plain(self, kind: str, inputs: list[int], output: int) -> None:
        self._node(kind, [self._name(index) for index in inputs], self._name(output))

    def _window_padding(self, options: Any, source: int, kernel: tuple[int, int]) -> list[int]:
        if options.Padding() != _SAME_PADDING:
            return [0, 0, 0, 0]
        height, width = self._shape(source)[1:3]
        top, bottom = same_padding(height, kernel[0], options.StrideH())
        left, right = same_padding(width, kernel[1], options.StrideW())
        return [top, left, bottom, right]

    def _convolution(self, operator: Any, inputs: list[int], output: int) -> None:
        options = self._options(operator, tflite.Conv2DOptions)
        self._convolve(options, inputs, output, (0, 3, 1, 2), groups=1)

    def _depthwise_convolution(self, operator: Any, inputs: list[int], output: int) -> None:
        options = self._options(operator, tflite.DepthwiseConv2DOptions)
        self._convolve(options, inputs, output, (3, 0, 1, 2), groups=self._shape(inputs[1])[3])

    def _convolve(self, options: Any, inputs: list[int], output: int, arrange: tuple[int, ...], groups: int) -> None:
        if (options.DilationHFactor(), options.DilationWFactor()) != (1, 1):
            raise ValueError("dilated convolutions are not supported")
        height, width = self._shape(inputs[1])[1:3]
        plain = self._node(
            "Conv",
            [
                self._name(inputs[0]),
                self._weight(inputs[1], lambda kernel: kernel.transpose(arrange)),
                self._weight(inputs[2]),
            ],
            f"plain{output}",
            group=groups,
            kernel_shape=[height, width],
            pads=self._window_padding(options, inputs[0], (height, width)),
            strides=[options.StrideH(), options.StrideW()],
        )
        self._activate(plain, self._name(output), options.FusedActivationFunction())

    def _add(self, operator: Any, inputs: list[int], output: int) -> None:
        plain = self._node("Add", [self._name(index) for index in inputs], f"plain{output}")
        options = self._options(operator, tflite.AddOptions)
        self._activate(plain, self._name(output), options.FusedActivationFunction())

    def _prelu(self, _: Any, inputs: list[int], output: int) -> None:
        slope = self._weight(inputs[1], lambda array: array.reshape(-1)[:, None, None])
        self._node("PRelu", [self._name(inputs[0]), slope], self._name(output))

    def _max_pool(self, operator: Any, inputs: list[int], output: int) -> None:
        options = self._options(operator, tflite.Pool2DOptions)
        kernel = (options.FilterHeight(), options.FilterWidth())
        self._node(
            "MaxPool",
            [self._name(inputs[0])],
            self._name(output),
            kernel_shape=list(kernel),
            strides=[options.StrideH(), options.StrideW()],
            pads=self._window_padding(options, inputs[0], kernel),
        )

    def _pad(self, _: Any, inputs: list[int], output: int) -> None:
        pads = self._constants[inputs[1]][list(_NHWC_TO_NCHW)].T.reshape(-1).astype(np.int64)
        self._node("Pad", [self._name(inputs[0]), self._initialiser(f"pads{output}", pads)], self._name(output))

    def _resize(self, operator: Any, inputs: list[int], output: int) -> None:
        options = self._options(operator, tflite.ResizeBilinearOptions)
        if not options.HalfPixelCenters():
            raise ValueError("only resizing with half-pixel centres is supported")
        before, after = self._shape(inputs[0]), self._constants[inputs[1]]
        scales = np.array([1, 1, after[0] / before[1], after[1] / before[2]], np.float32)
        self._node(
            "Resize",
            [self._name(inputs[0]), "", self._initialiser(f"scales{output}", scales)],
            self._name(output),
            mode="linear",
            coordinate_transformation_mode="half_pixel",
        )

    def _mean(self, operator: Any, inputs: list[int], output: int) -> None:
        options = self._options(operator, tflite.ReducerOptions)
        if sorted(self._constants[inputs[1]].reshape(-1).tolist()) != [1, 2]:
            raise ValueError("only means over the picture are supported")
        self._node("ReduceMean", [self._name(inputs[0])], self._name(output), axes=[2, 3], keepdims=options.KeepDims())

    def _fully_connected(self, operator: Any, inputs: list[int], output: int) -> None:
        options = self._options(operator, tflite.FullyConnectedOptions)
        terms = [self._name(inputs[0]), self._weight(inputs[1]), self._weight(inputs[2])]
        plain = self._node("Gemm", terms, f"plain{output}", transB=1)
        self._activate(plain, self._name(output), options.FusedActivationFunction())

    def _reshape(self, _: Any, inputs: list[int], output: int) -> None:
        source, shape = self._name(inputs[0]), self._shape(output)
        if len(self._shape(inputs[0])) != 4 or len(shape) == 4:
            raise ValueError("only flattening of pictures is supported")
        source = self._node("Transpose", [source], f"{source}_nhwc_{output}", perm=[0, 2, 3, 1])
        # Zero keeps the batch as it is.
        target = self._initialiser(f"shape{output}", np.array([0, *shape[1:]], np.int64))
        self._node("Reshape", [source, target], self._name(output))

    def _concatenate(self, operator: Any, inputs: list[int], output: int) -> None:
        options, rank = self._options(operator, tflite.ConcatenationOptions), len(self._shape(output))
        axis = options.Axis() % rank
        axis = _NHWC_AXIS_IN_NCHW[axis] if rank == 4 else axis
        self._node("Concat", [self._name(index) for index in inputs], self._name(output), axis=axis)
