import Transformer

// Checks of combinations of keys.
extension RunConfiguration {
  /// A message with the keys and their values if their combination is invalid; nil if it is valid.
  var validationError: String? {
    if let error = model.validationError { return "model: \(error)" }
    return sizeError ?? validationError(ranks: 1) ?? scheduleError ?? noWeightDecayError
  }

  /// A message if the batch cannot be divided among the ranks; nil if it can.
  public func validationError(ranks: Int) -> String? {
    let (global, micro) = (training.globalBatchSize, training.microBatchSize)
    let (share, overflow) = micro.multipliedReportingOverflow(by: max(1, ranks))
    if !overflow, global % share == 0 { return nil }
    let need =
      ranks > 1
      ? "training.micro_batch_size (\(micro)) × ranks (\(ranks))" : "training.micro_batch_size (\(micro))"
    let below = overflow ? 0 : global / share * share
    let advice =
      overflow || share > ConfigurationLimit.count
      ? "make them smaller"
      : below == 0 ? "choose \(share), or make them smaller" : "choose \(below) or \(below + share)"
    return "training.global_batch_size (\(global)) must be a multiple of \(need): \(advice)"
  }

  /// Warnings about settings that are valid but probably unintended.
  public var warnings: [String] {
    var warnings: [String] = []
    if schedule.warmupSteps >= training.steps {
      warnings.append(
        "schedule.warmup_steps (\(schedule.warmupSteps)) is not below training.steps (\(training.steps)): the whole "
          + "run is warm-up")
    }
    if let stage = data.stages.first(where: { $0.fromStep > training.steps }) {
      warnings.append(
        "a stage of data.stages starts at step \(stage.fromStep), after training.steps (\(training.steps)): it is never "
          + "used")
    }
    return warnings
  }

  private var scheduleError: String? {
    guard schedule.kind.usesDecaySteps, schedule.warmupSteps + schedule.decaySteps > training.steps else { return nil }
    return "schedule.warmup_steps (\(schedule.warmupSteps)) + schedule.decay_steps (\(schedule.decaySteps)) must be at "
      + "most training.steps (\(training.steps)): shorten one, or train longer"
  }

  /// A message if products of sizes overflow 64 bits, or the 32 bits of a matrix dimension. Estimated in doubles, from
  /// above.
  private var sizeError: String? {
    let (d, f, layers) = (Double(model.hiddenSize), Double(model.intermediateSize), Double(model.layers))
    let (vocabulary, kv) = (Double(model.vocabularySize), Double(model.keyValueSize))
    let parameters = model.approximateParameters
    let (positions, copies) = (Double(data.sequenceLength), Double(hiddenDecoding.repeats))
    let batch =
      "training.micro_batch_size (\(training.microBatchSize)) × data.sequence_length (\(data.sequenceLength)) × "
      + "hidden_decoding.repeats (\(hiddenDecoding.repeats))"
    let rows = Double(training.microBatchSize) * positions * copies
    if rows > 0x1p31 - 1 { return "\(batch) is more than 2^31 − 1 rows of a matrix: make them smaller" }
    let activations = rows * (layers + 4) * (8 * d + 6 * kv + 4 * f) + 1024 * vocabulary
    if activations > 0x1p56 { return "\(batch) and the model's sizes make \(activations) activations, more than 2^56" }
    let pairs = copies * copies * positions * positions
    let flops = Double(training.globalBatchSize) * 8 * (parameters * copies * positions + 4 * pairs * d * layers)
    let tokens = Double(training.steps) * Double(training.globalBatchSize) * positions
    if flops > 0x1p62 || tokens > 0x1p60 {
      return "training.steps (\(training.steps)), training.global_batch_size (\(training.globalBatchSize)), "
        + "data.sequence_length (\(data.sequenceLength)) and hidden_decoding.repeats (\(hiddenDecoding.repeats)) make "
        + "more operations or tokens than 64 bits can count: make them smaller"
    }
    if !validation.tasks.isEmpty, approximateTaskBytes > 0x1p60 {
      return "validation.tasks needs more memory than 64 bits can count for a model of these sizes at \(taskLength) "
        + "positions: make the sizes smaller"
    }
    return nil
  }

  /// Maximal positions of a benchmark item.
  package var taskLength: Int { metadata.maxPositionEmbeddings ?? data.sequenceLength }

  /// An upper bound of the bytes that `validation.tasks` needs, as a double, which cannot overflow.
  private var approximateTaskBytes: Double {
    let perRow =
      Double(model.layers) * Double(model.keyValueSize) + 8 * Double(model.hiddenSize + model.intermediateSize)
    return 16 * Double(ValidationSection.itemsAtOnce * taskLength) * Double(hiddenDecoding.repeats) * perRow
  }
}
