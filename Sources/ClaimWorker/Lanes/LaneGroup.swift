import RuntimeSupport
import ServiceLifecycle

/// Runs all lanes of a worker, each on its own thread. At a shutdown each finishes its batch.
struct LaneGroup: Service {
    private let lanes: [Lane]

    init(_ lanes: [Lane]) {
        self.lanes = lanes
    }

    func run() async throws {
        await withDiscardingTaskGroup { group in
            for lane in lanes {
                group.addTask {
                    await BlockingThread.run(name: "lane-\(lane.number)", until: lane.control.stop) { lane.run() }
                }
            }
        }
    }
}
